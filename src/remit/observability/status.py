"""How far each subscription is, read from the stores only: no handler runs, and no service is asked.

The stores hold everything needed: heads, checkpoints, parked keys, and a sign of life of each process that runs
subscriptions. Silence is a state, so a subscription that no process runs is never shown as fine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from math import inf
from typing import NamedTuple

import msgspec

from remit.log import ChannelName, Checkpoint, Log, SubscriptionId
from remit.observability.life import LOOK_SECONDS, Observer, Voice
from remit.observability.versions import other_versions
from remit.runtime.following.effect import STALL_SECONDS
from remit.runtime.following.history import lost
from remit.runtime.following.refused import IGNORED, Refusals, RefusedLater, refusals
from remit.runtime.following.states import STATES, WELL, State, worst
from remit.runtime.freshness.missed import told_missed
from remit.runtime.upkeep.signs import Sign
from remit.stores import ParkedKey, Store, by_live_names

Promise = tuple[float, float]
"""The ages (seconds) at which a read model is lagging, and stale."""
NO_PROMISES: Mapping[SubscriptionId, Promise] = {}
REFUSED_SECONDS = 7 * 86400.0
"""The seconds for which a refused command is shown."""


class SubscriptionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one subscription. Positions are sums over all partitions; times are in seconds."""

    name: str
    source: str
    channel: ChannelName
    head: int = 0
    """Messages that the source has written to this channel."""
    position: int = 0
    """Messages that are handled or parked."""
    lag: int = 0
    """Messages that are neither handled nor parked yet."""
    lag_seconds: float = 0.0
    """The age of the first of them; 0.0 if there is none."""
    parked: int
    """The number of parked keys."""
    refused: int = 0
    """The number of commands sent for later that it has ever refused."""
    refusals: list[RefusedLater] = []
    """The latest of them, newest first: at most 5 per partition, none older than 7 days."""
    ignored: int = 0
    """The number of foreign messages that it has ever ignored because they came after a newer one."""
    promised: Promise | None = None
    """For a read model that declares `freshness=`: the ages at which it is reported as lagging and as stale."""
    age: float | None = None
    """How long ago such a model was complete. None if that is not known: its source cannot be read from here, or its
    writes are lost; and for all that promises nothing."""
    state: State
    note: str = ""

    @property
    def well(self) -> bool:
        """Whether it needs no attention."""
        return self.state in WELL


class _LogProgress(NamedTuple):
    head: int
    position: int
    lag: int
    lag_seconds: float
    stalled: bool
    """Whether a message has waited for `STALL_SECONDS`, and the checkpoint has not moved either."""
    broken: tuple[State, str] | None
    """Why it cannot continue, as far as the log tells."""


async def read_status(
    follows: Iterable[SubscriptionId],
    stores: Mapping[str, Store],
    now: float,
    *,
    projections: Collection[SubscriptionId] = (),
    later: Collection[SubscriptionId] = (),
    foreign: Collection[SubscriptionId] = (),
    promises: Mapping[SubscriptionId, Promise] = NO_PROMISES,
) -> list[SubscriptionStatus]:
    """The status of subscriptions, in the given order. `stores` are open, by context; `now` is in seconds since the
    epoch. A context that is missing in `stores` has not run yet.

    For a subscription in `projections`, the note says if it is incomplete. For one in `later`, which applies commands
    sent for later, the status has the refused commands; a refusal is an answer, so it needs no attention. For one in
    `foreign`, which translates foreign messages, it has the number of ignored ones. For a read model in `promises`, it
    has the age.

    After them come subscriptions that are not in `follows`, and for which a living process reports a trouble: a service
    waits for commands sent for later from every context outside of it, whether that context sends any or not. Those
    with parked keys come last, as `gone`. Takes about a second if a process
    reports a trouble, which may just have ended, and up to 6 s if clocks may be wrong.

    Raises `StoreError` and `StoreUnavailable`.
    """
    ids = list(follows)
    observer = Observer(stores, now)
    while True:
        live = {name: await by_live_names(store) for name, store in stores.items()}
        looks = [
            await _look(
                id, live, observer, folds=id in projections, later=id in later, foreign=id in foreign,
                promised=promises.get(id),
            )
            for id in ids
        ]  # fmt: skip
        others = [await _look(id, stores, observer) for id in await _troubled(observer, stores, ids)]
        looks += [look for look in others if not look.status.well]
        if not observer.patient or not any(look.in_doubt for look in looks):
            rows = [look.status for look in looks]
            return [*rows, *await _gone({(row.name, row.source, row.channel) for row in rows}, live)]
        await asyncio.sleep(LOOK_SECONDS)


async def _troubled(
    observer: Observer, contexts: Iterable[str], known: Collection[SubscriptionId]
) -> list[SubscriptionId]:
    """Other subscriptions for which living processes report a trouble."""
    voices = [voice for context in contexts for voice in await observer.voices(context) if voice.lives]
    return sorted({sign.id for voice in voices for sign in voice.signs if _state(sign) not in WELL} - {*known})


async def _gone(
    known: Collection[tuple[str, str, ChannelName]], stores: Mapping[str, Store]
) -> list[SubscriptionStatus]:
    """Subscriptions that were removed or renamed and have left parked keys behind. Nothing retries these keys.

    Versions of a read model that are being built, or are kept, are none of them as long as there is the read model."""
    found: list[SubscriptionStatus] = []
    names = {name for name, _, _ in known}
    for store in stores.values():
        others = await other_versions(store)
        for id in await store.parking():
            is_of_model = id.name in others and others[id.name].model in names
            if not is_of_model and (id.name, id.source, id.channel.called) not in known:
                found.append(await _left_behind(store, id))
    return found


async def _left_behind(store: Store, id: SubscriptionId) -> SubscriptionStatus:
    parked = await store.count_parked(id)
    keys = "1 key is" if parked == 1 else f"{parked} keys are"
    return SubscriptionStatus(
        name=id.name,
        source=id.source,
        channel=id.channel.called,
        parked=parked,
        state="gone",
        note=f"{keys} parked for a subscription that this release lacks: remit parked discard, or restore it",
    )


class _Look(NamedTuple):
    status: SubscriptionStatus
    in_doubt: bool
    """Another look may tell more: about its processes, or whether it is stalled although its process reports
    nothing."""


async def _look(
    id: SubscriptionId,
    stores: Mapping[str, Store],
    observer: Observer,
    *,
    folds: bool = False,
    later: bool = False,
    foreign: bool = False,
    promised: Promise | None = None,
) -> _Look:
    store, source = stores.get(id.context), stores.get(id.source)
    life = _Life("silent", "it has not run yet: its store is not made", doubtful=False)
    progress = _LogProgress(0, 0, 0, 0.0, False, None)
    first, parked, refused, ignored = None, 0, Refusals(), Refusals()
    if store is not None:
        checkpoints = await store.checkpoints(id)
        first = next(iter(await store.due(id, at=inf, tried_after=inf, limit=1)), None)
        parked = await store.count_parked(id) if first else 0
        first = first if parked else None  # it was freed in between
        refused = await refusals(store, id, checkpoints if later else (), observer.now - REFUSED_SECONDS)
        ignored = await refusals(
            store, id, checkpoints if foreign else (), observer.now - REFUSED_SECONDS, kind=IGNORED
        )
        life = await _life(observer, id)
        if source is not None:
            # Heads are read after checkpoints, so that messages handled in between do not look like a restored source.
            progress = await _progress(source, id, checkpoints, observer)
    age = round(progress.lag_seconds, 3) if promised and store and source and life.state != "wedged" else None
    state, note = worst([(life.state, life.note), *_too_old(promised, age), *_findings(progress, first, parked)])
    note = note or life.note  # a note of a process on a subscription without trouble
    missed = told_missed(id.source) if folds and store is not None and await store.missed(id) else ""
    note = "; ".join(filter(None, (note, missed, _told(refused), _told_ignored(ignored))))
    status = SubscriptionStatus(
        name=id.name,
        source=id.source,
        channel=id.channel.called,
        head=progress.head,
        position=progress.position,
        lag=progress.lag,
        lag_seconds=round(progress.lag_seconds, 3),
        parked=parked,
        refused=refused.count,
        refusals=refused.latest,
        ignored=ignored.count,
        promised=promised,
        age=age,
        state=state,
        note=note,
    )
    return _Look(status, life.doubtful or (state == "stalled" and life.state == "running"))


def _too_old(promised: Promise | None, age: float | None) -> Iterable[tuple[State, str]]:
    if promised is not None and age is not None and age > promised[0]:
        if age > promised[1]:
            yield "stale", f"it is older than {promised[1]:g} s"
        yield "lagging", f"it is older than {promised[0]:g} s"


def _told(refused: Refusals) -> str:
    if not refused.latest:
        return ""
    last, count = refused.latest[0], refused.count
    when = f"{datetime.fromtimestamp(last.at, UTC):%Y-%m-%d %H:%M:%SZ}"
    which = f"{count} commands were refused, the last at {when}" if count > 1 else f"1 command was refused at {when}"
    return f"{which}: {last.type} of key {last.key!r}, which comes of {last.cause}: {last.refusal}"


def _told_ignored(ignored: Refusals) -> str:
    if not ignored.latest:
        return ""
    last, count = ignored.latest[0], ignored.count
    when = f"{datetime.fromtimestamp(last.at, UTC):%Y-%m-%d %H:%M:%SZ}"
    which = f"{count} messages were ignored, the last" if count > 1 else "1 message was ignored"
    return f"{which} at {when}: {last.refusal}"


def _findings(progress: _LogProgress, first: ParkedKey | None, parked: int) -> Iterable[tuple[State, str]]:
    if progress.broken is not None:
        yield progress.broken
    if progress.stalled:
        yield "stalled", f"no message handled for more than {STALL_SECONDS:.0f} s"
    if first is not None:
        more = f", and {parked - 1} more keys" if parked > 1 else ""
        yield "parked", f"key {first.key!r} with {first.letters} waiting: {first.error}{more}"
    yield ("lagging" if progress.lag else "running"), ""


async def _progress(
    source: Log, id: SubscriptionId, checkpoints: Mapping[int, Checkpoint], observer: Observer
) -> _LogProgress:
    channel, now = id.channel, observer.now
    heads = {part: pos for part, (pos, _) in (await source.heads(channel)).items()}
    floors = {part: pos for part, (pos, _, _) in (await source.floors(channel)).items()}
    lag, oldest, stalled = 0, now, False
    broken: tuple[State, str] | None = None
    for part in sorted({*heads, *checkpoints}):
        head, checkpoint = heads.get(part, 0), checkpoints.get(part, Checkpoint(0, "", 0.0))
        if checkpoint.pos > head:
            what = f"partition {part}: the log of the source ends at {head}, the checkpoint stands at {checkpoint.pos}"
            broken = broken or ("regressed", what)
        elif checkpoint.pos < head:
            floor = floors.get(part, 0)
            if checkpoint.pos < floor and checkpoints:  # one without checkpoints is new, and begins at the floor
                broken = "lost-source", lost(part, checkpoint.pos, floor + 1).what
            lag += head - max(checkpoint.pos, floor)
            for first in await source.read(channel, part, checkpoint.pos, 1):
                oldest = min(oldest, first.at)
                moved = observer.has_moved(id, part, checkpoint.pos)
                stalled = stalled or (not moved and now - max(first.at, checkpoint.at) > STALL_SECONDS)
    position = sum(checkpoint.pos for checkpoint in checkpoints.values())
    return _LogProgress(sum(heads.values()), position, lag, now - oldest, stalled, broken)


class _Life(NamedTuple):
    state: State
    note: str
    doubtful: bool
    """The signs of life may be from dead processes, from replicas that are about to take over, or may report a trouble
    that has just ended."""


async def _life(observer: Observer, id: SubscriptionId) -> _Life:
    """The state that the processes of the subscription report: the worst, if there are several.

    If they disagree, one of them may be dead. Then only those count that have given a sign since the first look.
    """
    said: list[tuple[Voice, State, str]] = []
    silence = ""
    for voice in sorted(await observer.voices(id.context), key=lambda voice: voice.age):
        for sign in voice.signs:
            if sign.id != id:
                continue
            if voice.lives and sign.state != "standby":
                said.append((voice, _state(sign), sign.note or voice.wrong_clock))
            elif voice.lives:  # another replica runs it and reports its state
                silence = "the living replicas stand by"
            else:
                silence = silence or _last_sign(voice)
    if not said:
        return _Life("silent", silence or "no process runs it", bool(silence))
    moved = [each for each in said if each[0].has_moved]
    torn = len({state for _, state, _ in said}) > 1
    state, note = worst((state, note) for _, state, note in (moved if torn and moved else said))
    return _Life(state, note, (torn and len(moved) < len(said)) or (state not in WELL and observer.too_soon))


def _last_sign(voice: Voice) -> str:
    return f"the last sign of life is {abs(voice.age):.0f} s {'old' if voice.age > 0 else 'ahead'}"


def _state(sign: Sign) -> State:
    for state in STATES:
        if state == sign.state:
            return state
    return "running"
