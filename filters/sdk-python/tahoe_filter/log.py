"""Lines for the operator about the record in hand. They are not part of the answer.

A record may log 32 lines of 512 bytes; what is longer is cut, what comes after is counted and dropped.
"""

from collections.abc import Callable

from .limits import LOG_LINE_BYTES, cut

_lines: list[tuple[str, str]] = []


def _keep(level: str, message: str) -> None:
    _lines.append((level, message))


_sink: Callable[[str, str], None] = _keep


def send_to(sink: Callable[[str, str], None]) -> None:
    """Sends lines elsewhere than to `taken`: the sandbox's host has a log of its own."""
    global _sink
    _sink = sink


def taken() -> list[tuple[str, str]]:
    """What was logged since the last time, as level and message: for tests."""
    lines = _lines.copy()
    _lines.clear()
    return lines


def debug(message: str) -> None:
    """What only an author wants to see."""
    _say("debug", message)


def info(message: str) -> None:
    """What happened, and is as it should be."""
    _say("info", message)


def warn(message: str) -> None:
    """What the operator should look at."""
    _say("warn", message)


def error(message: str) -> None:
    """What went wrong."""
    _say("error", message)


def _say(level: str, message: str) -> None:
    _sink(level, cut(message.encode(errors="replace").decode(), LOG_LINE_BYTES))
