"""The documents that a filter makes of a record.

They are values: built from the leaves up, not changed afterwards. One that is used in several places is one document, and
so are two of equal content: there is no need to look for one first.
"""

from collections.abc import Sequence
from math import isfinite
from typing import Union

Scalar = Union[None, bool, int, float, str]
"""The value of an attribute. The integer 1 and the float 1.0 are different values."""

CATEGORIES = ("unknown", "benign", "malicious")
"""What is known of an event, or of a thing in the context of an event."""


class Attribute:
    """A typed value: `ipv4` with `192.0.2.1`. Nobody owns it: whoever stores the same sub-type and value shares it."""

    __slots__ = ("sub_type", "value")

    def __init__(self, sub_type: str, value: Scalar) -> None:
        """`sub_type` is an identifier, `[A-Za-z_][A-Za-z0-9_]*`; one that ends in a digit cannot hold a number."""
        # Nearly all are texts.
        if type(value) is not str and value is not None:
            value = _number(sub_type, value)
        self.sub_type = sub_type
        self.value = value

    def __repr__(self) -> str:
        return f"Attribute({self.sub_type!r}, {self.value!r})"


class Object:
    """Documents that belong together: `file` with a `filename` and a `sha256`."""

    __slots__ = ("sub_type", "children")

    def __init__(self, sub_type: str, children: "Sequence[Node]") -> None:
        """At least one child; order and repetition have no meaning. Objects nest at most 4 deep."""
        self.sub_type = sub_type
        self.children = _children(sub_type, children)

    def __repr__(self) -> str:
        return f"Object({self.sub_type!r}, {len(self.children)} children)"


Node = Union[Attribute, Object]
"""What events, sessions and objects are made of."""


class Session:
    """What holds events together over time: one login session on a honeypot.

    Records of one session reach the host one by one; it joins sessions with equal sub-type and key, and keeps the
    earliest start, the latest end and the longest duration.
    """

    __slots__ = ("sub_type", "key", "start_time", "end_time", "duration")

    def __init__(
        self,
        sub_type: str,
        key: Sequence[Node],
        start_time: float | None = None,
        end_time: float | None = None,
        duration: float | None = None,
    ) -> None:
        """`key` is what identifies the session. Times are such as `Record.event_time` accepts, the duration seconds."""
        if duration is not None and not (isfinite(duration) and duration >= 0):
            raise ValueError(f"{sub_type} lasts {duration} seconds")
        self.sub_type = sub_type
        self.key = _children(sub_type, key)
        self.start_time = start_time
        self.end_time = end_time
        self.duration = duration

    def __repr__(self) -> str:
        return f"Session({self.sub_type!r}, {len(self.key)} nodes)"


class Event:
    """Something that happened. The host stamps it with the organisation that archived the record."""

    __slots__ = ("sub_type", "timestamp", "children", "category", "malicious", "benign", "session")

    def __init__(
        self,
        sub_type: str,
        timestamp: float,
        children: Sequence[Node],
        category: str = "unknown",
        malicious: Sequence[Node] = (),
        benign: Sequence[Node] = (),
        session: Session | None = None,
    ) -> None:
        """`timestamp` is one that `Record.event_time` accepts. `malicious` and `benign` name nodes of the event, at any
        depth, that were seen in such a context; none may be in both."""
        if category not in CATEGORIES:
            raise ValueError(f"{category!r} is no category, expected one of {', '.join(CATEGORIES)}")
        self.sub_type = sub_type
        self.timestamp = float(timestamp)
        self.children = _children(sub_type, children)
        self.category = category
        self.malicious = tuple(malicious)
        self.benign = tuple(benign)
        self.session = session

    def __repr__(self) -> str:
        return f"Event({self.sub_type!r}, {self.timestamp!r}, {len(self.children)} children)"


Document = Union[Attribute, Object, Event, Session]
"""What a filter returns."""


def _number(sub_type: str, value: Scalar) -> Scalar:
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:
            raise ValueError(f"{sub_type} holds an integer of more than 64 bits")
    elif isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{sub_type} holds {value}, which no archive can store")
    elif not isinstance(value, str):
        raise TypeError(f"{sub_type} holds {type(value).__name__}, expected a scalar")
    return value


def _children(sub_type: str, children: Sequence[Node]) -> tuple[Node, ...]:
    found = tuple(children)
    if not found:
        raise ValueError(f"{sub_type} has no children")
    for child in found:
        if not isinstance(child, (Attribute, Object)):
            raise TypeError(f"a child of {sub_type} is {type(child).__name__}, expected an Attribute or an Object")
    return found
