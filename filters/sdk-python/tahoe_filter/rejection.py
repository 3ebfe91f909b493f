"""The refusal to read a record."""

REASON_BYTES = 512
"""Bytes of a reason that the host keeps."""

_SHOWN_CHARACTERS = 64


class Rejected(Exception):
    """The record is not one that this filter can read. Say what was expected, and what was found."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def quoted(text: str) -> str:
    """A short form of text from a record, for a message, in quotes."""
    if len(text) <= _SHOWN_CHARACTERS:
        return f'"{text}"'
    return f'"{text[:_SHOWN_CHARACTERS]}…" ({len(text)} characters)'
