"""Folds the streams of event-sourced aggregates anew, from the plain log, and compares them with their heads."""

from __future__ import annotations

import json
from typing import Any

from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.noted import Place

__all__ = ["folded", "is_head"]

_EVENTS = "SELECT type, payload, headers FROM log ORDER BY channel, part, pos"


def is_head(row: dict[str, Any]) -> bool:
    """Whether a row is the head of a stream, and no state."""
    return "schema" in row and "state" in row


def folded(files: Files, place: Place, head: dict[str, Any]) -> tuple[dict[str, Any], list[Verdict]]:
    """The state that the events of a stream make, and what is wrong with them, or with their head."""
    events: list[tuple[int, str, dict[str, Any]]] = []
    name = f"{place.kind}/{place.id}"
    for type, payload, headers in files.rows(place.kind.partition(".")[0], _EVENTS):
        found: dict[str, Any] = json.loads(headers)
        if found.get("stream") == name and found.get("life", 0) == head["life"]:
            events.append((found["seq"], type, json.loads(payload)))
    events.sort(key=lambda each: each[0])
    wrong: list[Verdict] = []
    if [number for number, _, _ in events] != [*range(1, head["events"] + 1)]:
        numbers = ", ".join(f"{number}" for number, _, _ in events)
        wrong.append(Verdict("lost", f"{name} has {head['events']} events, and these are in the log: {numbers}"))
    entries: list[str] = []
    for _, type, fields in events:
        if type.endswith("Grew"):
            entries.append(fields.get("entry") or fields["text"])
        elif type.endswith(".adopted"):
            entries += fields.get("entries", [])
    if head["state"]["entries"] != entries:
        wrong.append(
            Verdict("false", f"the snapshot of {name} has {head['state']['entries']}, and its events {entries}")
        )
    return {**head["state"], "entries": entries}, wrong
