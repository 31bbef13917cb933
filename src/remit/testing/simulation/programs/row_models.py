"""Judges row models: one row for each entry of the event-sourced aggregates that they are folded from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any

from remit.contexts import ContextMap
from remit.domain import Row
from remit.testing.simulation.judges import Files, Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.sourcing import LAST

__all__ = ["judge_rows"]


def judge_rows(facts: Facts, declared: ContextMap, files: Files) -> Iterator[Verdict]:
    """A checkpoint is never ahead of the rows, nor behind them: each event has had its effect once."""
    for context in declared.contexts:
        for model in context.projections:
            if issubclass(model, Row):
                judged = _JUDGES.get(model.__name__[-4:], _judge_model)
                yield from judged(facts, files, context.name, model.__name__)


def _judge_model(facts: Facts, files: Files, context: str, model: str) -> Iterator[Verdict]:
    name, kind = f"{context}.{model}", f"{context}.{model.removesuffix('Row')}"
    table = f"SELECT body FROM row_{model}_{files.live(name)}"  # noqa: S608  a name of ours
    rows: dict[str, dict[str, Any]] = {
        row["entry"]: row for (body,) in files.rows(context, table) if (row := json.loads(body))
    }
    entries = [entry for place, found in facts.kept.items() if place.kind == kind for entry in found]
    waits = name in facts.stopped or any(subscription == name for subscription, _ in facts.letters)
    yield from _judge_pages(facts, name, rows)
    for entry in entries:
        if entry not in rows and not waits:
            yield Verdict("lost", f"{entry} of {kind} has no row in {name}")
    for entry, row in rows.items():
        if entry not in entries:
            yield Verdict("false", f"{name} has a row for {entry}, which no {kind} has")
        if row["times"] != 1:
            yield Verdict("doubled", f"{name} has taken up {entry} {row['times']} times")


def _judge_left(facts: Facts, files: Files, context: str, model: str) -> Iterator[Verdict]:
    """Rows that are removed by every third of their events: as many entries are left as there are beyond that."""
    name, kind = f"{context}.{model}", f"{context}.{model.removesuffix('Left')}"
    if name in facts.stopped or any(subscription == name for subscription, _ in facts.letters):
        return
    entries = [entry for place, found in facts.kept.items() if place.kind == kind for entry in found]
    every = Counter(entry.partition("/")[0] for entry in entries)
    left: dict[str, list[str]] = {root: [] for root in every}
    for (body,) in files.rows(context, f"SELECT body FROM row_{model}_{files.live(name)}"):  # noqa: S608  a name of ours
        row = json.loads(body)
        left[row["root"]] = row["entries"]
        if len(row["entries"]) != row["times"]:
            yield Verdict("false", f"a row of {name} has {row['times']} entries, and these are {row['entries']}")
    for root, shown in left.items():
        if len(shown) != every[root] % LAST:
            what = f"{shown} of the {every[root]} entries of {root}, and {every[root] % LAST} are left of them"
            yield Verdict("lost", f"{name} shows {what}")
        for entry in shown:
            if entry not in entries:
                yield Verdict("false", f"{name} shows {entry}, which no {kind} has")


def _judge_held(facts: Facts, files: Files, context: str, model: str) -> Iterator[Verdict]:
    """Rows that are rebuilt from states: each says what the events of its aggregate have said, once and in order."""
    name, kind = f"{context}.{model}", f"{context}.{model.removesuffix('Held')}"
    if name in facts.stopped or any(subscription == name for subscription, _ in facts.letters):
        return
    stored = files.rows(context, f"SELECT body FROM row_{model}_{files.live(name)}")  # noqa: S608  a name of ours
    rows: dict[str, dict[str, Any]] = {row["of"]: row for (body,) in stored if (row := json.loads(body))}
    for place, entries in facts.kept.items():
        if place.kind == kind and (entries or place.id in rows):
            row = rows.pop(place.id, {"entries": [], "times": 0})
            if (row["entries"], row["times"]) != (entries, len(entries)):
                what = f"{row['entries']} ({row['times']} times), and {place.id} has {entries}"
                yield Verdict("lost" if len(row["entries"]) < len(entries) else "doubled", f"{name} says {what}")
    for of in rows:
        yield Verdict("false", f"{name} has a row for {of}, and there is no such {kind}")


_JUDGES = {"Left": _judge_left, "Held": _judge_held}
"""By the end of a model's name."""


def _judge_pages(facts: Facts, name: str, rows: Collection[str]) -> Iterator[Verdict]:
    """The pages of an answer show each row once that was there at its beginning, in the declared order."""
    for (_, root), _, (first, *shown, last) in (each for each in facts.tape.answers if each.place.kind == name):
        if shown != sorted(set(shown), reverse=True):
            yield Verdict("reordered", f"the pages of {name} for {root} show {shown}")
        if not int(first) <= len(shown) <= int(last):
            what = f"{len(shown)} rows, of {first} before and {last} afterwards"
            yield Verdict("lost", f"the pages of {name} for {root} show {what}")
        for entry in shown:
            if entry not in rows or entry.partition("/")[0] != root:
                yield Verdict("false", f"the pages of {name} for {root} show {entry}")
