"""The rules that the host enforces, as the contract's `types.wit` states them."""

import re
from collections.abc import Iterable, Iterator

from ..answer import Answer, AttributeNode, ObjectNode
from ..documents import CATEGORIES
from ..filter import Filter, Record
from ..limits import CHILDREN, OBJECT_DEPTH, SUB_TYPE_BYTES
from ..rejection import Rejected

_IDENTIFIER = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{SUB_TYPE_BYTES - 1}}}")
_UUID = re.compile(r"(?!0{8}-0{4}-0{4}-0{4}-0{12})[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?")
_RESERVED = {"query", "cybexp_user", "cybexp_superuser", "cybexp_org", "cybexp_input_config"}
_LINE_BYTES = 512


def broken_rules_of_descriptor(described: Filter) -> list[str]:
    """What the host would refuse in what a filter says of itself; empty if nothing."""
    return list(_of_descriptor(described))


def _of_descriptor(described: Filter) -> Iterator[str]:
    if not _UUID.fullmatch(described.id):
        yield f"{described.id} is no UUID in lower case"
    if not _VERSION.fullmatch(described.version):
        yield f"{described.version} is no semantic version, such as 1.0.0"
    if not _NAME.fullmatch(described.name):
        yield f"{described.name} is no name"
    if not 1 <= len(described.accepts) <= 64:
        yield "a filter accepts 1 to 64 sub-types"
    emitted = [sub_type for _, sub_type in described.emits.kinds() if sub_type != "*"]
    keys = [option.key for option in described.options]
    for name in [*described.accepts, *emitted, *keys]:
        if not _IDENTIFIER.fullmatch(name):
            yield f"{name} is no sub-type or key"
    for category in described.asserts:
        if category not in CATEGORIES:
            yield f"{category} is no category"
    if len(set(keys)) < len(keys):
        yield "two options have one key"
    lines = [described.description]
    for option in described.options:
        lines += [option.description, option.default, *option.allowed]
        if option.allowed and option.default not in option.allowed:
            yield f"the default of {option.key} is not allowed"
    if any(len(line.encode()) > _LINE_BYTES or "\n" in line for line in lines):
        yield f"what people read is not one line of at most {_LINE_BYTES} bytes"


def broken_rules(described: Filter, record: Record, answer: Answer) -> list[str]:
    """What the host would refuse in an answer; empty if nothing. That it is not too much, `Answer.add` has seen to."""
    return list(_of_answer(described, record, answer))


def _of_answer(described: Filter, record: Record, answer: Answer) -> Iterator[str]:
    declared = set(described.emits.kinds())

    def kind(kind: str, sub_type: str, children: Iterable[int] | None) -> Iterator[str]:
        if (kind, sub_type) not in declared and (kind, "*") not in declared:
            yield f"{kind} {sub_type} is not declared"
        if not _IDENTIFIER.fullmatch(sub_type):
            yield f"{sub_type!r} is no sub-type"
        if children is not None and not 1 <= len(set(children)) <= CHILDREN:
            yield f"{sub_type} has too many children, or none"

    depths: list[int] = []
    for node in answer.nodes:
        if isinstance(node, AttributeNode):
            yield from kind("attribute", node.sub_type, None)
            is_number = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
            if is_number and node.sub_type[-1:].isdigit():
                yield f"{node.sub_type} holds a number"
            depths.append(0)
            continue
        yield from kind("object", node.sub_type, node.children)
        depths.append(1 + max(depths[child] for child in node.children))
        if node.sub_type in _RESERVED:
            yield f"{node.sub_type} is reserved"
        if depths[-1] > OBJECT_DEPTH:
            yield f"{node.sub_type} nests {depths[-1]} deep"
    for event in answer.events:
        yield from kind("event", event.sub_type, event.children)
        yield from _time(record, event.sub_type, event.timestamp)
        if event.category not in described.asserts:
            yield f"{event.category} is not declared"
        for context, nodes in (("malicious", event.malicious), ("benign", event.benign)):
            if nodes and context not in described.asserts:
                yield f"{context} is not declared"
            if not set(nodes) <= _below(answer, event.children):
                yield f"a {context} node is not of the event {event.sub_type}"
        if not set(event.malicious).isdisjoint(event.benign):
            yield "a node is both malicious and benign"
    for session in answer.sessions:
        yield from kind("session", session.sub_type, session.key)
        for time in (session.start_time, session.end_time):
            if time is not None:
                yield from _time(record, session.sub_type, time)


def _time(record: Record, owner: str, time: float) -> Iterator[str]:
    try:
        record.event_time(time)
    except Rejected as rejected:
        yield f"{owner}: {rejected.reason}"


def _below(answer: Answer, nodes: Iterable[int]) -> set[int]:
    """These nodes, and all below them."""
    found = set(nodes)
    waiting = list(found)
    while waiting:
        node = answer.nodes[waiting.pop()]
        if isinstance(node, ObjectNode):
            waiting.extend(set(node.children) - found)
            found.update(node.children)
    return found
