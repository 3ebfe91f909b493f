"""The archive's rules for single fields of a record.

Numbers arrive as text and text as numbers, depending on what shipped the record: where text belongs a number becomes its
digits, and where a whole number belongs digits become one. `null` is absent. A list or an object where a scalar belongs is a
mangled record: `Rejected` is raised, with what was expected and what was found.
"""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from .rejection import Rejected, quoted

_SURROGATES = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_EXACT = 1 << 53


def text(data: Mapping[str, Any], key: str) -> str | None:
    """The text under a key, numbers as their digits; `None` if it is absent."""
    value = data.get(key)
    if type(value) is str or value is None:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    raise _unexpected(key, "text", value)


def required_text(data: Mapping[str, Any], key: str) -> str:
    """As `text`, for a field that must be there."""
    found = text(data, key)
    if found is None:
        raise Rejected(f"expected `{key}`, which is absent or null")
    return found


def filled_text(data: Mapping[str, Any], key: str) -> str | None:
    """As `text`, where nothing but white space is as good as absent."""
    found = text(data, key)
    return None if found is None or found.isspace() or not found else found


def whole_number(data: Mapping[str, Any], key: str) -> "int | float | str | bool | None":
    """The scalar under a key where a whole number belongs: digits, or a float without a fraction, become an integer;
    anything else stays what it is. `None` if it is absent."""
    value = data.get(key)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        digits = value.strip()
        # Nineteen digits are the most that 64 bits have: int() of a million would take its time.
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= 19 and int(digits) < 1 << 63
        return int(digits) if is_number else value
    if isinstance(value, float):
        return int(value) if abs(value) <= _EXACT and value.is_integer() else value
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 63 else repr(value)
    raise _unexpected(key, "a number", value)


def number(data: Mapping[str, Any], key: str) -> float | None:
    """The finite number under a key, or in the text under it; `None` if it is absent."""
    value = data.get(key)
    if value is None:
        return None
    if isinstance(value, str) and len(value) < 1_000 and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            raise _unexpected(key, "a number", value) from None
        if isfinite(found):
            return found
    raise _unexpected(key, "a number", value)


def texts(data: Mapping[str, Any], key: str) -> list[str]:
    """The scalars of the list under a key: none if it is absent, one if it is itself a scalar."""
    value = data.get(key)
    if not isinstance(value, list):
        alone = text(data, key)
        return [] if alone is None else [alone]
    found = []
    for item in value:
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, int) and not isinstance(item, bool):
            found.append(repr(item))
        elif item is not None:
            raise _unexpected(key, "a list of texts", item)
    return found


def whole(source: str) -> str:
    """A text in which every lone half of a surrogate pair is U+FFFD, as the archive has it: Python reads `\\ud800` in
    JSON where there is no character for it."""
    return source if source.isascii() else _SURROGATES.sub("\ufffd", source)


def kind(value: Any) -> str:
    """What a value of JSON is, for a message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"


def _unexpected(key: str, expected: str, found: Any) -> Rejected:
    shown = quoted(found) if isinstance(found, str) else kind(found)
    return Rejected(f"expected `{key}` to be {expected}, found {shown}")
