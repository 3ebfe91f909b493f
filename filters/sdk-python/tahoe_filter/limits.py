"""What the host accepts for an input of a given length.

Every limit is a constant plus a multiple of the length of the record's JSON text, as the WIT files say it. A limit is not
a reason to fail: a filter leaves out what is too much and logs it, or rejects.
"""

from dataclasses import dataclass

INPUT_BYTES = 15 << 20
"""The most bytes of input that count for a limit."""
LOG_LINE_BYTES = 512
"""Bytes of one log line that are kept."""
SUB_TYPE_BYTES = 128
"""Bytes of a sub-type."""
CHILDREN = 4_096
"""Children of one object or event, and nodes in the key of one session."""
OBJECT_DEPTH = 4
"""How deep objects may nest."""
DOCUMENT_BYTES = 15 << 20
"""Bytes of one document, with what it refers to and the text of all that is in it."""
EXPANDED_BYTES = 256 << 20
"""The most that `Limits.expanded_bytes` is, whatever the input."""
SECONDS_AFTER_ARRIVAL = 2 * 86_400.0
"""How long after the record's arrival an event may lie: clocks differ."""


@dataclass(frozen=True)
class Limits:
    """The limits of one answer."""

    nodes: int
    """Attributes and objects."""
    events: int
    sessions: int
    text_bytes: int
    """Bytes of one text."""
    expanded_bytes: int
    """Bytes of all documents, written out in full."""
    references: int
    """How often the documents refer to each other, the record's own references included."""

    @staticmethod
    def for_input(input_bytes: int) -> "Limits":
        """The limits of an answer to so many bytes of data, of which `INPUT_BYTES` count."""
        counted = min(input_bytes, INPUT_BYTES)
        return Limits(
            nodes=256 + counted // 8,
            events=64 + counted // 16,
            sessions=4 + counted // 64,
            text_bytes=(64 << 10) + 3 * counted,
            expanded_bytes=min((256 << 10) + 64 * counted, EXPANDED_BYTES),
            references=1_024 + counted // 2,
        )


def cut(text: str, size: int) -> str:
    """The longest beginning of a text that has at most so many bytes as UTF-8."""
    # Four bytes are the most that one character takes: most texts need not be encoded to know.
    if len(text) * 4 <= size or (text.isascii() and len(text) <= size):
        return text
    return text.encode(errors="replace")[:size].decode(errors="ignore")
