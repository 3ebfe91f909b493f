"""Documents of the archive without their hashes: enough to compare content."""

import json
from collections.abc import Iterable
from typing import Any

from ..answer import Answer, AttributeNode


def ascii_json(value: Any) -> str:
    """JSON as a record has it: compact, ASCII, keys sorted."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def contents(answer: Answer) -> list[Any]:
    """The content of each node of an answer, written out in full."""
    found: list[Any] = []
    for node in answer.nodes:
        found.append(node.value if isinstance(node, AttributeNode) else content_of(answer, found, node.children))
    return found


def content_of(answer: Answer, found: list[Any], children: Iterable[int]) -> dict[str, list[Any]]:
    """The `data` of what has these children: a list of contents for each of their sub-types."""
    data: dict[str, list[Any]] = {}
    for child in children:
        data.setdefault(answer.nodes[child].sub_type, []).append(found[child])
    return data


def key(kind: str, sub_type: str, data: Any) -> str:
    """What makes a document the one that it is, for people to read; events also have their time."""
    return f"{kind} {sub_type} {ascii_json(_stored(data))}"


def event_key(sub_type: str, data: Any, timestamp: float) -> str:
    """The same of an event."""
    return f"{key('event', sub_type, data)} at {float(timestamp)!r}"


def summary(answer: Answer) -> list[str]:
    """The events and sessions of an answer, a line each, such as `event login {"username":["root"]}`."""
    found = contents(answer)
    events = [key("event", event.sub_type, content_of(answer, found, event.children)) for event in answer.events]
    return events + [key("session", session.sub_type, content_of(answer, found, session.key)) for session in answer.sessions]


def _stored(value: Any) -> Any:
    """Data as it is stored: text without white space around it, lists sorted and without repetition."""
    if isinstance(value, dict):
        return {name: _stored(item) for name, item in value.items()}
    if isinstance(value, list):
        items = {ascii_json(item): item for item in map(_stored, value)}
        return [items[written] for written in sorted(items)]
    return value.strip() if isinstance(value, str) else value
