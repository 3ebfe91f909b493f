"""What a filter says of itself, and the record that it is given."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Union

from . import log
from .answer import Answer
from .documents import Document
from .limits import SECONDS_AFTER_ARRIVAL, Limits
from .rejection import Rejected


class Record:
    """One raw record, as an organisation archived it."""

    def __init__(self, sub_type: str, text: str, timezone: str = "UTC", received_at: float = 0.0) -> None:
        self.sub_type = sub_type
        """The kind of record, one of those that the filter accepts."""
        self.text = text
        """The record as JSON text: ASCII, at most 16 levels deep."""
        self.timezone = timezone
        """The IANA name of the time zone that the archive noted. Only for sources that write local time."""
        self.received_at = received_at
        """When the record reached the archive, in seconds since 1970. The only clock there is."""

    @cached_property
    def data(self) -> Any:
        """The record as a value. A source that is not JSON is `{"data": "<text>"}`, with `"encoding": "latin-1"` for
        bytes that are not UTF-8: then every character is one byte."""
        return json.loads(self.text)

    @cached_property
    def limits(self) -> Limits:
        """What the host accepts in answer to this record."""
        return Limits.for_input(len(self.text))

    def event_time(self, seconds: float) -> float:
        """Checks that an event of this record may have this time: not before 1970, and at most two days after the
        record's arrival, as clocks differ. `Rejected` if not."""
        if 0 <= seconds <= self.received_at + SECONDS_AFTER_ARRIVAL:
            return seconds + 0.0  # A negative zero would be another number in the hash.
        if seconds < 0:
            raise Rejected("the time lies before 1970")
        raise Rejected("the time lies more than two days after the record's arrival")

    def answer(self) -> Answer:
        """An empty answer to this record: for records of many entries, which are added one by one."""
        return Answer(self.limits)


@dataclass(frozen=True)
class Option:
    """A setting that an operator may choose."""

    key: str
    """An identifier."""
    description: str
    """One line for people."""
    default: str
    """The value when the operator says nothing."""
    allowed: Sequence[str] = ()
    """The values to choose from; any, if empty."""
    secret: bool = False
    """Whether the value must be kept out of logs and files."""


@dataclass(frozen=True)
class Emits:
    """All kinds of document that a filter may make, as sub-types; `*` is any. An answer with another fails."""

    attributes: Sequence[str] = ()
    objects: Sequence[str] = ()
    events: Sequence[str] = ()
    sessions: Sequence[str] = ()

    def kinds(self) -> list[tuple[str, str]]:
        """Each kind as the kind of document and its sub-type."""
        named = [
            ("event", self.events),
            ("object", self.objects),
            ("attribute", self.attributes),
            ("session", self.sessions),
        ]
        return [(kind, sub_type) for kind, sub_types in named for sub_type in sub_types]


Parse = Callable[[Record, Mapping[str, str]], Union[Answer, Iterable[Document]]]
"""A filter's function: the record and the options to documents, or `Rejected`."""


@dataclass(frozen=True)
class Filter:
    """A filter: what it says of itself, and its function."""

    id: str
    """A UUID in lower case, made once and never changed."""
    name: str
    """A short name, `[a-z][a-z0-9_]*`."""
    version: str
    """Semver."""
    description: str
    """One line for people."""
    accepts: Sequence[str]
    """The sub-types of the raw records that it reads."""
    parse: Parse
    """Turns a record into documents, or raises `Rejected`."""
    emits: Emits = field(default_factory=Emits)
    """All kinds of document that it may make."""
    asserts: Sequence[str] = ()
    """The categories of its events, and the contexts in which it places nodes."""
    options: Sequence[Option] = ()
    """The settings that an operator may choose."""

    def run(self, record: Record, options: Mapping[str, str]) -> Answer:
        """Runs the filter on one record. Raises its `Rejected`, or one that says that the host would not take so much."""
        found = self.parse(record, options)
        if isinstance(found, Answer):
            answer = found
        else:
            answer = record.answer()
            for document in found:
                if not answer.add(document):
                    raise Rejected(f"expected what an answer to a record of this length may hold, found more: {document!r}")
        if answer.cut_texts:
            log.warn("a text is longer than the archive takes, and was cut")
        return answer
