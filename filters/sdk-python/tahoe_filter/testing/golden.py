"""Goldens: records with the documents that they must become.

A file is a JSON list of cases: `raw` (the record, `data` as a JSON value), `options`, if any, `verdict` (`done` or
`rejected`), `instances` (all documents that must be there afterwards). Hashes are the host's: here they only say who refers
to whom, and documents are compared by content.
"""

import json
from os import PathLike
from pathlib import Path
from typing import Any

from ..answer import Answer, ObjectNode
from ..filter import Filter, Record
from .documents import ascii_json, content_of, contents, event_key, key

# What is known of one document beside its identity. Documents of one identity are joined, so everything is a set.
_Facts = dict[str, set[str]]
_Documents = dict[str, _Facts]

_TIMES = ("start_time", "end_time", "duration")


def check_goldens(described: Filter, path: "str | PathLike[str]") -> int:
    """Runs a filter over all cases of a file, or of all `*.json` files of a folder, and counts them. An `AssertionError` says
    what differs in the cases that failed, or that there are none."""
    files = sorted(Path(path).glob("*.json")) if Path(path).is_dir() else [Path(path)]
    count = 0
    failures = []
    for file in files:
        for number, case in enumerate(json.loads(file.read_text(encoding="utf-8"))):
            count += 1
            failures += [f"{file}, case {number}: {why}" for why in _differences(described, case)]
    assert count, f"{path}: expected cases, found none"
    assert not failures, "\n".join(failures)
    return count


def _differences(described: Filter, case: Any) -> list[str]:
    # Here, since this module is part of what it imports.
    from . import run

    raw = case["raw"]
    record = Record(raw["sub_type"], ascii_json(raw["data"]), raw["timezone"], float(raw["received_at"]))
    found = run(described, record, case.get("options"))
    if found.answer is None:
        return [] if case["verdict"] == "rejected" else [f"expected {case['verdict']}, found rejected: {found.reason}"]
    if case["verdict"] != "done":
        return [f"expected {case['verdict']}, found done"]
    expected, answered = _of_case(case), _of_answer(found.answer)
    return [
        f"\n  {name}\n    expected: {_shown(expected.get(name))}\n    found:    {_shown(answered.get(name))}"
        for name in sorted(expected.keys() | answered.keys())
        if expected.get(name) != answered.get(name)
    ]


def _shown(facts: _Facts | None) -> str:
    if facts is None:
        return "not there"
    return ", ".join(f"{name}: {sorted(found)}" for name, found in facts.items() if found)


def _facts(documents: _Documents, name: str) -> _Facts:
    fresh: _Facts = {fact: set() for fact in ("categories", "children", "malicious", "benign", "events", "times")}
    return documents.setdefault(name, fresh)


def _of_answer(answer: Answer) -> _Documents:
    documents: _Documents = {}
    found = contents(answer)
    keys = []
    for node, content in zip(answer.nodes, found, strict=True):
        is_object = isinstance(node, ObjectNode)
        keys.append(key("object" if is_object else "attribute", node.sub_type, content))
        facts = _facts(documents, keys[-1])
        if isinstance(node, ObjectNode):
            facts["children"].update(keys[child] for child in node.children)
    events_of_sessions: list[set[str]] = [set() for _ in answer.sessions]
    for event in answer.events:
        name = event_key(event.sub_type, content_of(answer, found, event.children), event.timestamp)
        facts = _facts(documents, name)
        facts["categories"].add(event.category)
        for fact, nodes in (("children", event.children), ("malicious", event.malicious), ("benign", event.benign)):
            facts[fact].update(keys[node] for node in nodes)
        if event.session is not None:
            events_of_sessions[event.session].add(name)
    for session, events in zip(answer.sessions, events_of_sessions, strict=True):
        facts = _facts(documents, key("session", session.sub_type, content_of(answer, found, session.key)))
        facts["children"].update(keys[node] for node in session.key)
        facts["events"] |= events
        times = {name: getattr(session, name) for name in _TIMES}
        facts["times"].update(f"{name} {float(time)!r}" for name, time in times.items() if time is not None)
    return documents


def _of_case(case: Any) -> _Documents:
    keys = {}
    for instance in case["instances"]:
        kind, sub_type, data = instance["itype"], instance["sub_type"], instance["data"]
        is_event = kind == "event"
        keys[instance["_hash"]] = event_key(sub_type, data, instance["timestamp"]) if is_event else key(kind, sub_type, data)
    documents: _Documents = {}
    for instance in case["instances"]:
        facts = _facts(documents, keys[instance["_hash"]])

        def named(field: str, instance: Any = instance) -> set[str]:
            return {keys.get(found, f"no instance {found}") for found in instance.get(field, [])}

        facts["categories"].update([instance["category"]] if "category" in instance else [])
        facts["children"], facts["malicious"], facts["benign"] = named("_cref"), named("_mal_ref"), named("_ben_ref")
        if instance["itype"] == "session":
            facts["events"] = {name for name in named("_ref") if name.startswith("event ")}
        facts["times"].update(f"{name} {float(instance[name])!r}" for name in _TIMES if name in instance)
    return documents
