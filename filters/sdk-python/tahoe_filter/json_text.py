"""JSON inside a record: a text that nobody checked.

The sandbox gives a filter half a megabyte of stack, and Python's reader takes some of it for each level of lists and objects:
a text of a few thousand brackets would end the call. So brackets are counted first, in one pass without recursion.
"""

import json
import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, NamedTuple

from .rejection import Rejected

DEPTH = 64
"""How deep lists and objects may nest."""
ELEMENT_CHARACTERS = 1 << 16
"""The longest object of a dump."""

_SPARE_LISTS = 1_000
_LISTS_PER_OBJECT = 4

# Brackets, and the strings that may hide some; one that does not end goes to the end of the text, so that none of it is looked
# at twice.
_BRACKET_OR_STRING = re.compile(r'[\[\]{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_KEY = re.compile(r'"([^"\\]{1,64})"\s{0,16}:\s{0,16}\Z')
_KEY_CHARACTERS = 100


def read(text: str) -> Any:
    """Reads JSON; `Rejected` if it is none, or too deep."""
    _check_depth(text)
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        raise Rejected(f"expected JSON, found {error}") from None


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal}, which is no number of JSON")


def _finite(number: str) -> float:
    found = float(number)
    if not isfinite(found):
        raise ValueError(f"{number[:20]}, which is more than a number can be")
    return found


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def _check_depth(text: str) -> None:
    # Most texts have too few brackets to be too deep.
    if text.count("[") + text.count("{") <= DEPTH:
        return
    depth = 0
    for found in _BRACKET_OR_STRING.finditer(text):
        token = found[0]
        if token == "[" or token == "{":
            depth += 1
            if depth > DEPTH:
                raise Rejected(f"expected JSON, found lists and objects more than {DEPTH} deep")
        elif token == "]" or token == "}":
            depth -= 1


class Element(NamedTuple):
    """An object of a dump."""

    key: str | None
    """The key of the list that holds it, as in `{"17": [{…}]}`."""
    text: str
    """The object, not yet read; not whole if the dump ends inside it."""


def objects_in_lists(text: str) -> Iterator[Element]:
    """The objects of a dump, one by one: those that stand in a list (not those inside another one), or by themselves, one
    after the other, where there is no list. For dumps of many entries, of which a broken one must not cost the others and
    only one at a time takes memory.

    `Rejected` if it is no such dump: the lists around the objects are too deep, or many more than there are objects, or an
    object is longer than `ELEMENT_CHARACTERS`. What it costs to find that out would otherwise be up to whoever wrote it.
    """
    around: list[str] = []
    key: str | None = None
    start, depth, opened, has_lists = -1, 0, 0, False
    spare = _SPARE_LISTS
    for found in _BRACKET_OR_STRING.finditer(text):
        token = found[0]
        if len(token) > 1 or token == '"':
            continue
        if start >= 0:
            depth += 1 if token in "[{" else -1
            if found.end() - start > ELEMENT_CHARACTERS:
                raise Rejected(f"expected a dump, found an object of more than {ELEMENT_CHARACTERS} characters")
            if depth == 0:
                yield Element(key, text[start : found.end()])
                start = -1
                spare += _LISTS_PER_OBJECT
        elif token == "{" and around and around[-1] == "[":
            start, depth, has_lists = found.start(), 1, True
        elif token in "[{":
            spare -= 1
            if len(around) >= DEPTH or spare < 0:
                raise Rejected("expected a dump, found lists in lists")
            if token == "[":
                named = _KEY.search(text[max(0, found.start() - _KEY_CHARACTERS) : found.start()])
                key = named[1] if named else None
            if not around:
                opened = found.start()
            around.append(token)
        elif around:
            around.pop()
            if not around and token == "}" and not has_lists:
                yield Element(None, text[opened : found.end()])
                spare += _LISTS_PER_OBJECT
    if start >= 0:
        yield Element(key, text[start : start + ELEMENT_CHARACTERS])
