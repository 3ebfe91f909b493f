"""How large the documents of an answer will be, reckoned as the host does before it builds one of them.

A document holds its children's content in full, and the form that is hashed escapes it once more at each level. So sizes are
summed from the leaves up: of a text the next level needs the length, the quotes and the backslashes.
"""

from json.encoder import encode_basestring_ascii
from typing import NamedTuple

from .documents import Scalar
from .limits import DOCUMENT_BYTES, Limits

_FIXED = 512
"""Bytes of a document beside its data and references."""
_REFERENCE = 240
"""Bytes of one reference in a document."""
_NUMBER = 24
"""Bytes of a number, or less."""
_CEILING = 1 << 62
"""Above every limit. Objects that share children all the way down grow without bound, and so would Python's integers."""


class _Size(NamedTuple):
    """What a document takes, or what it adds to one that it is a child of. The first three describe its canonical form:
    a text of ASCII, as far as writing it as a JSON string depends on it."""

    length: int
    quotes: int
    backslashes: int
    data: int
    references: int


def _as_child(sub_type: str, size: _Size) -> _Size:
    """As `"sub_type": [child]`, and a reference. The child is written as a string within a list, which is a string."""
    length, quotes, backslashes = size.length, size.quotes, size.backslashes
    length, quotes, backslashes = length + quotes + backslashes + 4, quotes + 2, 2 * backslashes + quotes
    length, quotes, backslashes = length + quotes + backslashes + 2, quotes + 2, 2 * backslashes + quotes
    return _Size(
        min(length + len(sub_type) + 6, _CEILING),
        min(quotes + 2, _CEILING),
        min(backslashes, _CEILING),
        min(size.data + len(sub_type) + 8, _CEILING),
        min(size.references + 1, _CEILING),
    )


class Expansion:
    """The measure of an answer that is being built."""

    def __init__(self) -> None:
        self._sizes: list[_Size] = []
        self.total: tuple[int, int, int, int] = (0, 0, 0, 0)
        """Bytes of canonical forms, bytes of data, references, and bytes of the largest document."""

    def attribute(self, sub_type: str, value: Scalar) -> None:
        """Measures the next node, an attribute."""
        if isinstance(value, str):
            written = encode_basestring_ascii(value)
            length = len(written)
            size = _Size(length, written.count('"'), written.count("\\"), length, 0)
        else:
            size = _Size(_NUMBER, 0, 0, _NUMBER, 0)
        self._add(size, 1)
        self._sizes.append(_as_child(sub_type, size))

    def object(self, sub_type: str, children: tuple[int, ...]) -> None:
        """Measures the next node, an object."""
        size = self._of_children(children)
        # The raw record refers to it.
        self._add(size, 1)
        self._sizes.append(_as_child(sub_type, size))

    def event(self, children: tuple[int, ...]) -> None:
        """Measures an event."""
        size = self._of_children(children)
        # The raw record refers to the event and to all that it refers to; its session to the event.
        self._add(size, size.references + 2)

    def session(self, key: tuple[int, ...]) -> None:
        """Measures a session."""
        self._add(self._of_children(key), 1)

    def _of_children(self, children: tuple[int, ...]) -> _Size:
        sizes = [self._sizes[child] for child in children]
        length, quotes, backslashes, data, references = (sum(column) for column in zip(*sizes, strict=True))
        return _Size(length + 2, quotes, backslashes, data + 2, references)

    def _add(self, size: _Size, further: int) -> None:
        """Adds a document and the references that others have because of it."""
        canonical, data, references, largest = self.total
        document = size.data + size.references * _REFERENCE + _FIXED
        self.total = (
            canonical + size.length,
            data + size.data,
            references + size.references + further,
            max(largest, document),
        )

    def is_within(self, limits: Limits) -> bool:
        """Whether the host takes an answer of this size."""
        canonical, data, references, largest = self.total
        return (
            max(canonical, data) <= limits.expanded_bytes
            and references <= limits.references
            and largest <= DOCUMENT_BYTES
        )

    def go_back(self, nodes: int, total: tuple[int, int, int, int]) -> None:
        """Forgets what was measured after there were so many nodes, and this total."""
        del self._sizes[nodes:]
        self.total = total
