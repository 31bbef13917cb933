"""Judges whether messages of one key were handled in the order in which they were sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from remit.testing.simulation.judges import Verdict
from remit.testing.simulation.programs.facts import OWN, Facts, told_by
from remit.testing.simulation.programs.tape import Place, Said

__all__ = ["LATER", "judge_order", "sequences"]

LATER = "later"
"""Marks the path of a command that was sent for later."""

Follower = tuple[str, str, str]
"""The handler, the kind of message that reaches it, and the ordering key."""


def sequences(facts: Facts) -> Iterator[tuple[Follower, list[str]]]:
    """What one aggregate has said under one key to somebody: the paths, in order."""
    for context, every in _said(facts):
        found: defaultdict[Follower, list[str]] = defaultdict(list)
        for said in every:
            # What comes in two versions comes once.
            for follower, path in dict.fromkeys(_ways(facts, said, context)):
                found[follower].append(path)
        yield from found.items()


def _said(facts: Facts) -> Iterator[tuple[str, list[Said]]]:
    """By aggregate: its context, and what it has said, in order."""
    for place, entries in facts.kept.items():
        if not place.is_one:
            continue  # rows are in the order in which runs have begun; who writes records may have several aggregates
        every: list[Said] = []
        for number in dict.fromkeys(entry.rpartition("#")[2] for entry in entries):
            run = facts.tape.numbered(number)
            if run.handler not in facts.beside:  # else it comes with the run that it belongs to
                every += [said for each in facts.with_those_beside(run) for said in each.said]
        yield place.kind.partition(".")[0], every


def _ways(facts: Facts, said: Said, context: str) -> Iterator[tuple[Follower, str]]:
    """The handlers of a message, and its path there."""
    if said.type in facts.handlers:
        yield (facts.handlers[said.type], LATER, said.key), said.path
    for role, follower in facts.followers[said.type]:
        if role != "together":
            yield (follower, told_by(context) if said.type in facts.public else OWN, said.key), said.path
    for told in facts.told[said.type]:
        for _, follower in facts.followers[told]:
            yield (follower, told_by(context), said.key), f"{said.path}!"


def judge_order(facts: Facts) -> Iterator[Verdict]:
    """In each aggregate and document, effects are in the order of their causes."""
    where: defaultdict[tuple[str, str], list[tuple[Place, int]]] = defaultdict(list)
    for run in facts.tape.runs:
        stored = [facts.stored[entry] for _, entry in run.changes if entry in facts.stored]
        where[run.handler, run.path] += stored
    for place, paths in facts.documents.items():
        for at, path in enumerate(paths):
            where[place.kind, path].append((place, at))
    for (follower, way, key), paths in sequences(facts):
        if way != LATER or follower in facts.keyed:
            effects = [(path, where[follower, path]) for path in paths if facts.allowed(path) == 1]
            yield from _in_order(follower, key, effects)
    yield from _of_groups(facts, where)


def _of_groups(facts: Facts, where: Mapping[tuple[str, str], Sequence[tuple[Place, int]]]) -> Iterator[Verdict]:
    """Reactions that follow together are as good as one: message by message, and of one message in their order."""
    if any(run.release > 1 for run in facts.tape.runs):
        return  # one that joins them later reads what the others have handled before
    for context, every in _said(facts):
        found: defaultdict[tuple[tuple[str, ...], str], dict[str, set[str]]] = defaultdict(dict)
        for (follower, way, key), path in (way for said in every for way in _ways(facts, said, context)):
            group = facts.groups.get((follower, way), ())
            if group and facts.allowed(path) == 1:
                found[group, key].setdefault(path, set()).add(follower)
        for (group, key), paths in found.items():
            steps = [(path, by) for path, members in paths.items() for by in group if by in members]
            yield from _in_order(" and ".join(group), key, [(path, where[by, path]) for path, by in steps])


def _in_order(follower: str, key: str, effects: Sequence[tuple[str, Sequence[tuple[Place, int]]]]) -> Iterator[Verdict]:
    last: dict[Place, tuple[int, str]] = {}
    for path, places in effects:
        for place, at in places:
            before = last.get(place)
            if before is not None and before[0] > at:
                what = f"{follower} has handled {path} before {before[1]}, key {key!r}: {place.kind} {place.id!r}"
                yield Verdict("reordered", what)
            last[place] = (at, path)
