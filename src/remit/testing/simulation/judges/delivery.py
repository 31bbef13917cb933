"""Judges from logs and checkpoints of any system whether each message was delivered once and in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from remit.log import SubscriptionId, context_of
from remit.testing.simulation.judges.files import Files, LogRow
from remit.testing.simulation.judges.verdict import Verdict, in_order, once

__all__ = ["judge_delivery", "torn_off", "unfinished"]

_Logs = Mapping[str, Sequence[LogRow]]


def judge_delivery(
    files: Files, effects: Mapping[str, tuple[str, str]], stopped: Collection[str], *, several: bool = False
) -> Iterator[Verdict]:
    """Yields everything that is wrong with the logs and checkpoints in these stores.

    `effects` maps subscriptions to the type they follow and the type they write for each such message. Subscriptions in
    `stopped` are exempt. With `several`, a handler may write more than one message of a type and key.
    """
    logs = {context: files.log(context) for context in files.contexts}
    for context, log in logs.items():
        yield from _holes(files, context, log)
        yield from _written(context, log, logs, several=several)
    for name, (cause, effect) in effects.items():
        # If a log was trimmed, the searched messages may have been deleted.
        if name not in stopped and not files.floors(context_of(name)):
            yield from _missing(name, cause, effect, logs)
    for name, what in _torn_off(files, logs):
        if name not in stopped:
            yield Verdict("lost", what)


def _holes(files: Files, context: str, log: Sequence[LogRow]) -> Iterator[Verdict]:
    """Positions have no gaps, and each message names its predecessor."""
    last = {(channel, part): (pos, id) for channel, part, pos, id in files.floors(context)}
    for each in log:
        place = each.channel, each.part
        if last.get(place, (0, "")) != (each.pos - 1, each.prev):
            yield Verdict("lost", f"the log of {context} has a hole before {each.channel}/{each.part}/{each.pos}")
        last[place] = (each.pos, each.id)


def _written(context: str, log: Sequence[LogRow], logs: _Logs, *, several: bool) -> Iterator[Verdict]:
    """A handler's messages are written once, and those caused by messages of one key are in the order of these."""
    places = {each.id: (of, at, each.key) for of, log in logs.items() for at, each in enumerate(log)}
    effects = defaultdict[tuple[str, ...], list[str]](list)
    for each in log:
        effects[f"{each.channel}", each.type, each.key, each.cause.partition(".")[2]].append(each.cause)
    for (_, type, key, by), causes in effects.items():
        if not several:
            yield from once(f"{type} of {key!r}, by cause", causes)
        ordered = defaultdict[tuple[str, str], list[str]](list)
        for cause in causes:
            if (source := cause.partition(".")[0]) in places and by:
                written_by, _, of = places[source]
                ordered[written_by, of].append(source)
        for (_, of), sources in ordered.items():
            yield from in_order(f"{type} of {of!r} in {context}", sources, sorted(sources, key=places.__getitem__))


def _missing(name: str, cause: str, effect: str, logs: _Logs) -> Iterator[Verdict]:
    """Each message has its effect."""
    written = {each.cause for each in logs[context_of(name)] if each.type == effect}
    for each in logs[context_of(cause)]:
        if each.type == cause and f"{each.id}.{name}" not in written:
            yield Verdict("lost", f"{name} has written no {effect} for {each.id}, {cause} of {each.key!r}")


def torn_off(files: Files) -> set[str]:
    """The subscriptions whose checkpoint stands on no message of its source, or before the floor."""
    return {name for name, _ in _torn_off(files, {context: files.log(context) for context in files.contexts})}


def _torn_off(files: Files, logs: _Logs) -> Iterator[tuple[str, str]]:
    """Checkpoints that stand on no message: the subscription's name, and a description."""
    messages = {(context, each.channel, each.part, each.pos): each.id for context, log in logs.items() for each in log}
    beginnings: set[tuple[str, str, int, int]] = set()
    """The trimmed partitions of each subscriber."""
    for context in files.contexts:
        for channel, part, pos, id in files.floors(context):
            messages[context, channel, part, pos] = id
            followers = files.rows(context, "SELECT subscription FROM subscriber WHERE channel = ?", channel)
            beginnings |= {(name, context, channel, part) for (name,) in followers}
    written = {(source, channel) for source, channel, _, _ in messages}  # not for an empty log, which may be restored
    for name, source, channel, part, pos, id in files.checkpoints():
        beginnings.discard((name, source, channel, part))
        if messages.get((source, channel, part, pos)) != id and (source, channel) in written:
            yield name, f"the checkpoint of {name} on {source} {channel}/{part} stands on nothing"
    for name, source, channel, part in sorted(beginnings):
        yield name, f"{name} stands before the beginning of {source} {channel}/{part}"


_HEADS = """
    SELECT channel, part, max(pos) FROM (SELECT channel, part, pos FROM log UNION SELECT channel, part, pos FROM floor)
    GROUP BY channel, part
"""


def unfinished(
    files: Files, subscriptions: Collection[SubscriptionId], stays_parked: Callable[[str, str], bool]
) -> list[str]:
    """What these subscriptions have left to do: messages behind a checkpoint, parked keys that need not stay parked.
    Empty if they are at rest."""
    heads = {
        (context, channel, part): pos
        for context in files.contexts
        for channel, part, pos in files.rows(context, _HEADS)
    }
    left: list[str] = []
    checkpoints = {row[:4]: row[4] for row in files.checkpoints()}
    for name, source, channel in sorted(subscriptions):
        for (of, on, part), head in heads.items():
            pos = checkpoints.get((name, source, channel, part), 0)
            if (of, on) == (source, channel) and pos < head:
                left.append(f"{name} stands at {pos} of {head} in {source} {channel}/{part}")
    names = {name for name, _, _ in subscriptions}
    for context in files.contexts:
        rows = files.rows(context, "SELECT subscription, key FROM parked")
        parked = [(live, key) for version, key in rows if (live := files.named(version)) is not None]
        left += [f"{live} has parked {key}" for live, key in parked if live in names and not stays_parked(live, key)]
    return left
