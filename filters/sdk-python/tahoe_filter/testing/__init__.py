"""Running a filter natively: in unit tests, and over golden cases. Not part of a component."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import log
from ..answer import Answer
from ..filter import Filter, Record
from ..rejection import Rejected
from .contract import broken_rules, broken_rules_of_descriptor
from .documents import ascii_json, summary
from .golden import check_goldens

__all__ = ["Run", "broken_rules", "broken_rules_of_descriptor", "check_goldens", "record", "run", "summary"]


class Run(NamedTuple):
    """What came of one record."""

    answer: Answer | None
    """The filter's answer, unless it rejected the record."""
    reason: str | None
    """Why it rejected the record."""
    lines: list[tuple[str, str]]
    """What it logged: levels and messages, in order."""


def record(sub_type: str, data: Any) -> Record:
    """A record that arrived in January 2027; `data` is a value as JSON has it."""
    return Record(sub_type, ascii_json(data), "UTC", 1_800_000_000.0)


def run(described: Filter, raw: Record, options: Mapping[str, str] | None = None) -> Run:
    """Runs a filter on one record, as the host does: options have their defaults, but for those given here. An answer that
    the host would refuse is an `AssertionError`."""
    given = dict(options or {})
    chosen = {option.key: given.pop(option.key, option.default) for option in described.options}
    for option in described.options:
        allowed = not option.allowed or chosen[option.key] in option.allowed
        assert allowed, f"{described.name}: {option.key} may not be {chosen[option.key]}"
    assert not given, f"{described.name} has no option {', '.join(given)}"
    log.taken()
    try:
        answer = described.run(raw, chosen)
    except Rejected as rejected:
        return Run(None, rejected.reason, log.taken())
    broken = broken_rules(described, raw, answer)
    assert not broken, "the host would refuse this answer:\n" + "\n".join(broken)
    return Run(answer, None, log.taken())
