"""How large the documents of an answer will be, reckoned as the host does before it builds one of them.

A document holds its children's content in full, and the form that is hashed escapes it once more at each level. So sizes are
summed from the leaves up: of a text the next level needs the length, the quotes and the backslashes.
"""

from json.encoder import encode_basestring_ascii

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


_Size = tuple[int, int, int, int, int]
"""What a document takes, or what it adds to one that it is a child of: length, quotes and backslashes of its canonical form,
a text of ASCII; bytes of its data; its references."""


def _as_child(sub_type: str, size: _Size) -> _Size:
    """As `"sub_type": [child]`, and a reference. The child is written as a string within a list, which is a string."""
    length, quotes, backslashes, data, references = size
    named = len(sub_type)
    if length > _CEILING:
        return _CEILING, _CEILING, _CEILING, _CEILING, _CEILING
    # Written once, a text has its quotes and backslashes escaped and two quotes around it; here that is done twice.
    return (
        length + 3 * (quotes + backslashes) + 14 + named,
        quotes + 6,
        4 * backslashes + 3 * quotes + 2,
        data + named + 8,
        references + 1,
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
            size = length, written.count('"'), written.count("\\"), length, 0
        else:
            size = _NUMBER, 0, 0, _NUMBER, 0
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
        self._add(size, size[4] + 2)

    def session(self, key: tuple[int, ...]) -> None:
        """Measures a session."""
        self._add(self._of_children(key), 1)

    def _of_children(self, children: tuple[int, ...]) -> _Size:
        length, quotes, backslashes, data, references = 2, 0, 0, 2, 0
        sizes = self._sizes
        for child in children:
            size = sizes[child]
            length += size[0]
            quotes += size[1]
            backslashes += size[2]
            data += size[3]
            references += size[4]
        return length, quotes, backslashes, data, references

    def _add(self, size: _Size, further: int) -> None:
        """Adds a document and the references that others have because of it."""
        canonical, data, references, largest = self.total
        document = size[3] + size[4] * _REFERENCE + _FIXED
        self.total = (
            canonical + size[0],
            data + size[3],
            references + size[4] + further,
            document if document > largest else largest,
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
