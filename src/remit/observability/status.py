"""How far each subscription is, read from the stores alone: no handler runs and no service is asked.

Stores hold everything: heads, checkpoints and parked keys, and a sign of life of each process that runs subscriptions.
Silence is a state: a subscription that nobody runs is never shown as fine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from remit.runtime.plan import FollowPlan
from remit.stores import PUBLISHED, Checkpoint, Parked, Store

__all__ = ["State", "SubscriptionStatus", "is_alive", "read_status"]

SILENT_SECONDS = 15.0
"""A process without a sign of life for so long (three beats) counts as gone."""
STALL_SECONDS = 30.0
"""A subscription is stalled when a message has waited for so long and its checkpoint has not moved either."""

State = Literal["running", "lagging", "parked", "stalled", "paused", "silent", "regressed"]

_ORDER: tuple[State, ...] = ("running", "lagging", "parked", "stalled", "paused", "silent", "regressed")
"""From the best to the worst. Of several states that hold, the worst is shown."""


class SubscriptionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription as it stands. Positions are counted over all partitions, times are in seconds."""

    name: str
    source: str
    channel: Literal["private", "published"]
    head: int
    """Messages the source has written to this channel."""
    position: int
    """Messages handled or parked."""
    lag: int
    """Messages neither handled nor parked yet."""
    lag_seconds: float
    """Age of the first of them; 0.0 when there is none."""
    parked: int
    """Parked keys."""
    state: State
    note: str = ""

    @property
    def well(self) -> bool:
        """Whether nobody has to look after it."""
        return self.state in ("running", "lagging")


class _Sign(msgspec.Struct):
    """What a process's sign of life says about one subscription."""

    name: str
    source: str
    channel: int
    state: str
    note: str = ""


class _Progress(NamedTuple):
    head: int
    position: int
    lag: int
    lag_seconds: float
    stalled: bool
    ahead: str


_signs = msgspec.json.Decoder(list[_Sign])


async def read_status(
    follows: Iterable[FollowPlan], stores: Mapping[str, Store], now: float
) -> list[SubscriptionStatus]:
    """The status of subscriptions, in the order given. `stores` are open, by context; `now` is seconds since the epoch.

    A context without a store in `stores` has not run yet. Raises `StoreError`, `StoreUnavailable`.
    """
    return [await _status(follow, stores, now) for follow in follows]


async def is_alive(store: Store, now: float) -> bool:
    """Whether some process gave a sign of life in this store within the 15 s before `now` (seconds since the epoch)."""
    return any(_is_fresh(at, now) for at, _ in (await store.beats()).values())


def _is_fresh(at: float, now: float) -> bool:
    return now - at <= SILENT_SECONDS


async def _status(follow: FollowPlan, stores: Mapping[str, Store], now: float) -> SubscriptionStatus:
    store, source = stores.get(follow.name.split(".")[0]), stores.get(follow.source)
    progress = _Progress(0, 0, 0, 0.0, False, "")
    found: list[tuple[State, str]] = []
    parked: Sequence[Parked] = ()
    if store is None:
        found.append(("silent", "it has not run yet: its store is not made"))
    else:
        checkpoints = await store.checkpoints(follow.name, follow.source, follow.channel)
        parked = [
            row
            for row in await store.parked(follow.name)
            if (row.source, row.channel) == (follow.source, follow.channel)
        ]
        found.append(await _life(store, follow, now))
        if source is not None:
            # The heads are read after the checkpoints: what was handled in between must not look like another history.
            progress = await _progress(source, follow.channel, checkpoints, now)
    found += _findings(progress, parked)
    state, note = max(found, key=lambda each: _ORDER.index(each[0]))
    note = note or found[0][1]  # what a process says of itself although nothing keeps it
    return SubscriptionStatus(
        name=follow.name,
        source=follow.source,
        channel="published" if follow.channel == PUBLISHED else "private",
        head=progress.head,
        position=progress.position,
        lag=progress.lag,
        lag_seconds=round(progress.lag_seconds, 3),
        parked=len(parked),
        state=state,
        note=note,
    )


def _findings(progress: _Progress, parked: Sequence[Parked]) -> Iterable[tuple[State, str]]:
    if progress.ahead:
        yield "regressed", progress.ahead
    if progress.stalled:
        yield "stalled", f"no message handled for more than {STALL_SECONDS:.0f} s"
    if parked:
        first = parked[0]
        more = f", and {len(parked) - 1} more keys" if len(parked) > 1 else ""
        yield "parked", f"key {first.key!r} with {first.letters} waiting: {first.error}{more}"
    yield ("lagging" if progress.lag else "running"), ""


async def _progress(source: Store, channel: int, checkpoints: Mapping[int, Checkpoint], now: float) -> _Progress:
    heads = {part: pos for part, (pos, _) in (await source.heads(channel)).items()}
    lag, oldest, stalled, ahead = 0, now, False, ""
    for part in sorted({*heads, *checkpoints}):
        head, checkpoint = heads.get(part, 0), checkpoints.get(part, Checkpoint(0, "", 0.0))
        if checkpoint.pos > head:
            ahead = f"partition {part}: the log of the source ends at {head}, the checkpoint stands at {checkpoint.pos}"
        elif checkpoint.pos < head:
            lag += head - checkpoint.pos
            for first in await source.read(channel, part, checkpoint.pos, 1):
                oldest = min(oldest, first.at)
                stalled = stalled or now - max(first.at, checkpoint.at) > STALL_SECONDS
    position = sum(checkpoint.pos for checkpoint in checkpoints.values())
    return _Progress(sum(heads.values()), position, lag, now - oldest, stalled, ahead)


async def _life(store: Store, follow: FollowPlan, now: float) -> tuple[State, str]:
    """What the processes that run the subscription say of it: the worst that one of them says."""
    said: list[tuple[State, str]] = []
    last = 0.0
    for at, body in (await store.beats()).values():
        for sign in _read_signs(body):
            if (sign.name, sign.source, sign.channel) == (follow.name, follow.source, follow.channel):
                last = max(last, at)
                if _is_fresh(at, now) and sign.state != "standby":  # another replica runs it, and says how it is
                    said.append(_said(sign))
    if said:
        return max(said, key=lambda each: _ORDER.index(each[0]))
    return "silent", f"the last sign of life is {now - last:.0f} s old" if last else "no process runs it"


def _said(sign: _Sign) -> tuple[State, str]:
    for state in _ORDER:
        if state == sign.state:
            return state, sign.note
    return "running", sign.note


def _read_signs(body: str) -> list[_Sign]:
    """A sign of life that cannot be read is none."""
    try:
        return _signs.decode(body)
    except msgspec.MsgspecError:
        return []
