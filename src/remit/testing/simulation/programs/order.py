"""Whether the messages of one key were handled in the order in which they were said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import Facts
from remit.testing.simulation.programs.tape import Place

__all__ = ["judge_order", "sequences"]

Follower = tuple[str, str, str]
"""Who handles, by which way the messages come, and their key."""


def sequences(facts: Facts) -> Iterator[tuple[Follower, list[str]]]:
    """What one aggregate has said under one key to somebody: the paths, in order."""
    for place, entries in facts.kept.items():
        found: defaultdict[Follower, list[str]] = defaultdict(list)
        for number in dict.fromkeys(entry.rpartition("#")[2] for entry in entries):
            run = facts.tape.runs[int(number) - 1]
            if run.handler in facts.beside:
                continue  # it comes with the run that it belongs to
            for each in facts.with_those_beside(run):
                for said in each.said:
                    if said.type in facts.handlers:
                        found[facts.handlers[said.type], "later", said.key].append(said.path)
                    for role, follower in facts.followers[said.type]:
                        if role != "together":
                            found[follower, "own", said.key].append(said.path)
                    for told in facts.told[said.type]:
                        for _, follower in facts.followers[told]:
                            found[follower, f"told by {place.kind.partition('.')[0]}", said.key].append(f"{said.path}!")
        yield from found.items()


def judge_order(facts: Facts) -> Iterator[Verdict]:
    """In each aggregate and document, effects stand in the order of their causes."""
    where: defaultdict[tuple[str, str], list[tuple[Place, int]]] = defaultdict(list)
    for run in facts.tape.runs:
        for _, entry in run.changes:
            if entry in facts.stored:
                where[run.handler, run.path].append(facts.stored[entry])
    for place, paths in facts.documents.items():
        for at, path in enumerate(paths):
            where[place.kind, path].append((place, at))
    for (follower, way, key), paths in sequences(facts):
        if way == "later" and not facts.is_keyed(follower):
            continue
        last: dict[Place, tuple[int, str]] = {}
        for path in paths:
            for place, at in where.get((follower, path), ()) if facts.allowed(path) == 1 else ():
                before = last.get(place)
                if before is not None and before[0] > at:
                    what = f"{follower} has handled {path} before {before[1]}, key {key!r}: {place.kind} {place.id!r}"
                    yield Verdict("reordered", what)
                last[place] = (at, path)
