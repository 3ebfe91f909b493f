"""JSON inside a record: a text that nobody checked.

The sandbox gives a filter half a megabyte of stack, and Python's reader takes some of it for each level of lists and objects:
a text of a few thousand brackets would end the call. So brackets are counted first, in one pass without recursion.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from .rejection import Rejected

DEPTH = 64
"""How deep lists and objects may nest."""

# Up to the next bracket that is not inside a string. Possessive, and only ever tried where the last one ended: however the
# text is made, each of its characters is looked at once.
_NEXT_BRACKET = re.compile(r'[^\[\]{}"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^\[\]{}"]*+)*+([\[\]{}])', re.DOTALL)
_KEY = re.compile(r'"([^"\\]{1,64})"\s{0,16}:\s{0,16}\Z')
_KEY_CHARACTERS = 100


def read(text: str) -> Any:
    """Reads JSON; `Rejected` if it is none, or too deep."""
    _check_depth(text)
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise Rejected(f"expected JSON, found {error}") from None


def _check_depth(text: str) -> None:
    # Most texts have too few brackets to be too deep.
    if text.count("[") + text.count("{") <= DEPTH:
        return
    depth = 0
    found = _NEXT_BRACKET.match(text)
    while found:
        depth += 1 if found[1] in "[{" else -1
        if depth > DEPTH:
            raise Rejected(f"expected JSON, found lists and objects more than {DEPTH} deep")
        found = _NEXT_BRACKET.match(text, found.end())


class Element(NamedTuple):
    """An object of a dump."""

    key: str | None
    """The key of the list that holds it, as in `{"17": [{…}]}`."""
    text: str
    """The object, not yet read; not whole if the dump ends inside it."""


def objects_in_lists(text: str) -> Iterator[Element]:
    """The objects of a dump, one by one: those that stand in a list (not those inside another one), or by themselves, one
    after the other, where there is no list. For dumps of many entries, of which a broken one must not cost the others and
    only one at a time takes memory. `Rejected` if the lists around them are too deep."""
    around: list[str] = []
    key: str | None = None
    alone: list[Element] = []
    start, depth, end, has_lists = -1, 0, 0, False
    found = _NEXT_BRACKET.match(text)
    while found:
        bracket, at = found[1], found.end() - 1
        if start >= 0:
            depth += 1 if bracket in "[{" else -1
            if depth == 0:
                yield Element(key, text[start : at + 1])
                start = -1
        elif bracket == "{" and around and around[-1] == "[":
            start, depth, has_lists = at, 1, True
        elif bracket in "[{":
            if len(around) >= DEPTH:
                raise Rejected(f"expected a dump, found lists and objects more than {DEPTH} deep")
            if bracket == "[":
                named = _KEY.search(text[max(end, at - _KEY_CHARACTERS) : at])
                key = named[1] if named else None
            if not around:
                opened = at
            around.append(bracket)
        elif around:
            around.pop()
            if not around and bracket == "}" and not has_lists:
                alone.append(Element(None, text[opened : at + 1]))
        end = found.end()
        found = _NEXT_BRACKET.match(text, end)
    if start >= 0:
        yield Element(key, text[start:])
    if not has_lists:
        yield from alone


def _refuse(literal: str) -> float:
    raise ValueError(f"{literal}, which is no number of JSON")
