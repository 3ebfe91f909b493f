"""From a filter to what the component model binds: the only module that knows the bindings, which are generated when a
component is built and are not there otherwise."""

import gc
from typing import Any

from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world.imports import log as host_log  # type: ignore[import-not-found]
from wit_world.imports import options as host_options
from wit_world.imports import types

from . import fields, log, times
from .answer import Answer, AttributeNode, EventEntry, NodeEntry, SessionEntry
from .documents import Attribute, Event, Object, Scalar, Session
from .filter import Filter, Record
from .limits import cut
from .rejection import REASON_BYTES, Rejected

# An instance lives for one record, whose memory is bounded: looking for what could be freed is a waste.
gc.disable()

_WARMING_RUNS = 64

_CATEGORIES = {category.name.lower(): category for category in types.Category}
_LEVELS = {level.name.lower(): level for level in host_log.Level}
_KINDS = {kind.name.lower(): kind for kind in types.InstanceKind}


def bind(described: Filter) -> type:
    """The class that exports a filter."""
    descriptor = _descriptor(described)
    keys = [option.key for option in described.options]

    class Exported:
        """The interface `filter` of the contract."""

        def describe(self) -> Any:
            return descriptor

        def parse(self, record: Any) -> Any:
            log.send_to(_say)
            options = {key: host_options.get(key) for key in keys}
            found = Record(record.sub_type, record.data, record.timezone, record.received_at)
            try:
                return _answer(described.run(found, options))
            except Rejected as rejected:
                raise Err(types.Rejection(cut(_utf8(rejected.reason), REASON_BYTES))) from None

    _warm_up()
    return Exported


def _warm_up() -> None:
    """Does once what every call will do, while the component is built: the interpreter adapts code to what it has run, and
    what an instance need not do over again costs no record anything."""
    for number in range(_WARMING_RUNS):
        record = Record("x", '{"address": "192.0.2.1", "number": 1, "time": "2026-03-09T12:34:56Z"}', "UTC", 2e9)
        time = record.event_time(times.parse(fields.required_text(record.data, "time")))
        address = Attribute("ipv4", fields.required_text(record.data, "address"))
        attacker = Object("attacker", [address, Attribute("number", number)])
        session = Session("session", [Attribute("sessionid", "x"), Attribute("a", 1.5)])
        answer = record.answer()
        answer.add(Event("login", time, [attacker], category="malicious", malicious=[address], session=session))
        _answer(answer)
        try:
            fields.required_text(record.data, "none")
        except Rejected as rejected:
            types.Rejection(cut(_utf8(rejected.reason), REASON_BYTES))


def _say(level: str, message: str) -> None:
    host_log.log(_LEVELS[level], message)


def _utf8(text: str) -> str:
    return text if text.isascii() else text.encode(errors="replace").decode()


def _descriptor(described: Filter) -> Any:
    return types.Descriptor(
        id=described.id,
        name=described.name,
        version=described.version,
        description=described.description,
        accepts=list(described.accepts),
        options=[
            types.OptionSpec(option.key, option.description, option.default, list(option.allowed), option.secret)
            for option in described.options
        ],
        emits=[types.Emission(_KINDS[kind], sub_type) for kind, sub_type in described.emits.kinds()],
        asserts=[_CATEGORIES[category] for category in described.asserts],
    )


def _answer(answer: Answer) -> Any:
    return types.Answer(
        nodes=[_node(node) for node in answer.nodes],
        events=[_event(event) for event in answer.events],
        sessions=[_session(session) for session in answer.sessions],
    )


def _node(node: NodeEntry) -> Any:
    if isinstance(node, AttributeNode):
        return types.Node_Attribute(types.Attribute(node.sub_type, _scalar(node.value)))
    return types.Node_Object(types.Object(node.sub_type, list(node.children)))


def _scalar(value: Scalar) -> Any:
    if isinstance(value, str):
        return types.Scalar_Text(value)
    if value is None:
        return types.Scalar_Null()
    if isinstance(value, bool):
        return types.Scalar_Boolean(value)
    return types.Scalar_Integer(value) if isinstance(value, int) else types.Scalar_Float(value)


def _event(event: EventEntry) -> Any:
    return types.Event(
        sub_type=event.sub_type,
        timestamp=event.timestamp,
        category=_CATEGORIES[event.category],
        children=list(event.children),
        malicious=list(event.malicious),
        benign=list(event.benign),
        session=event.session,
    )


def _session(session: SessionEntry) -> Any:
    return types.Session(session.sub_type, list(session.key), session.start_time, session.end_time, session.duration)
