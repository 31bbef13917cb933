"""Measures how old the read models are that promise their freshness, where they are read.

A model is complete as of a moment if its checkpoints have passed the heads that its sources had at that moment. Both
are read by the process that answers from the model: the heads from the sources, the checkpoints from the model's own
store, which moves them in the transaction that writes the model. Its age is the time since that moment. So an age grows
by itself as long as nothing confirms that the model is complete: silence never looks fresh. All moments are of the
clock of this process alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal, TypeAlias

import msgspec

from remit.domain import Freshness
from remit.errors import RemitError
from remit.log import Checkpoint, SubscriptionId
from remit.runtime.following.follower import Follower
from remit.runtime.following.states import STATES, WELL, State
from remit.runtime.following.troubles import SILENT_SECONDS, Troubles
from remit.runtime.freshness.reaching import Following
from remit.runtime.listeners import Listeners
from remit.runtime.plan import ContextPlan, FoldPlan
from remit.runtime.ports import Ports
from remit.runtime.upkeep.signs import Peers
from remit.stores import Store
from remit.transports import Feed

LOOK_SECONDS = 1.0
"""The pause between two looks at a source."""
ANSWER_SECONDS = 3.0
"""How long a source may take to say how far it is. With the pause and `SILENT_SECONDS`, a source that stops is reported
within 15 s."""
STILL_SECONDS = 30.0
"""How long checkpoints may stand still although messages wait, until that is reported."""
TRAIL = 64
"""The most heads that are remembered for a model that is behind. With more, every second one is forgotten, so ages are
measured more coarsely."""

ModelState: TypeAlias = Literal["fresh"] | State


class ModelAge(msgspec.Struct, frozen=True):
    """A read model that promises its freshness. Times are in seconds."""

    name: str
    state: ModelState
    """`fresh`, or the worst of what keeps it from being fresh."""
    age: float | None
    """How long ago it was complete; None if that is not known yet."""
    warn: float
    critical: float
    note: str = ""

    @property
    def well(self) -> bool:
        """Whether it needs no attention."""
        return self.state == "fresh" or self.state in WELL


@dataclass(eq=False)
class _Source:
    """One source of a model, as it was last seen."""

    following: Following
    life: Feed | None = None
    """Asks the process of a source whose log is read without it."""
    complete: float = -inf
    """When the model contained everything of it (loop time)."""
    trail: deque[tuple[float, Mapping[int, int]]] = field(default_factory=deque[tuple[float, Mapping[int, int]]])
    """Heads that the model has not reached yet, each with the moment at which it was read."""
    stands: Mapping[int, Checkpoint] = field(default_factory=dict[int, Checkpoint])
    moved: float = inf
    """When the checkpoints last moved, or nothing waited."""
    silent: float | None = None
    """Since when it does not answer."""
    parked: str = ""
    """A key that is parked in it; empty if none is."""
    alone: float | None = None
    """Since when no process runs the subscription."""

    @property
    def id(self) -> SubscriptionId:
        """The subscription of the model to it."""
        return self.following.follow.id

    def seen(self, asked: float, heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> None:
        """Notes a look. `asked` is when the heads were asked for; the checkpoints were read after them."""
        if any(part not in stands or stands[part].pos < stood.pos for part, stood in self.stands.items()):
            self.complete = -inf  # an older version of the model is live again, or a person has moved it back
            self.trail.clear()
        if stands != self.stands or self.reaches(heads, stands):
            self.moved = asked
        self.stands = stands
        self.trail.append((asked, heads))
        if len(self.trail) > TRAIL:
            self.trail = deque(list(self.trail)[::2])
        while self.trail and self.reaches(self.trail[0][1], stands):
            self.complete = self.trail.popleft()[0]

    @staticmethod
    def reaches(heads: Mapping[int, int], stands: Mapping[int, Checkpoint]) -> bool:
        """Whether the checkpoints have passed these heads."""
        return all(part in stands and stands[part].pos >= pos for part, pos in heads.items() if pos)


@dataclass(eq=False)
class _Model:
    """One model that promises its freshness."""

    name: str
    promised: Freshness
    sources: list[_Source]
    troubles: Troubles
    begun: float = 0.0

    def age(self) -> float:
        """How old it is now (seconds)."""
        return asyncio.get_running_loop().time() - min(source.complete for source in self.sources)

    def found(self, cause: object, state: State | None, note: str = "") -> None:
        """Begins or ends one of its troubles."""
        if state is None:
            self.troubles.end(cause)
        else:
            self.troubles.begin(cause, state, note, lasts=True)


class ModelAges:
    """The ages of the read models of a process that promise their freshness. A call gives the age of one by its kind:
    infinite if it is not known yet."""

    def __init__(self, ports: Ports, listeners: Listeners) -> None:
        self._ports = ports
        self._listeners = listeners
        self._models: dict[str, _Model] = {}
        self._peers: dict[str, Peers] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._followers: dict[SubscriptionId, Follower] = {}

    def __call__(self, kind: str) -> float:
        model = self._models.get(kind)
        return inf if model is None else model.age()

    def watch(
        self,
        plans: Iterable[ContextPlan],
        followings: Mapping[SubscriptionId, Following],
        stores: Mapping[str, Store],
        life: Callable[[SubscriptionId], Feed | None],
    ) -> None:
        """Measures the models of these contexts from `start` on. `life` gives the feed that asks the process of a
        source, if its log is read without it."""
        for plan in plans:
            for model in plan.projections.values():
                if (promised := model.freshness) is not None:
                    folds = [id for id, each in plan.follows.items() if _is_of(each, model.kind)]
                    sources = [_Source(followings[id], life(id)) for id in folds]
                    troubles = Troubles(model.kind, self._listeners, "fresh")
                    self._models[model.kind] = _Model(model.kind, promised, sources, troubles)
                    self._peers[plan.name] = Peers(stores[plan.name], self._ports)

    def models(self) -> list[ModelAge]:
        """All of them, as they are now."""
        return [_told(model) for model in self._models.values()]

    async def start(self, followers: Iterable[Follower]) -> None:
        """Looks once, as far as the sources answer at once, and then again and again. Tells the followers of this
        process if their source is silent and they do not notice that themselves."""
        if not self._models:
            return
        self._followers = {id: each for each in followers for id in each.ids}
        begun = asyncio.get_running_loop().time()
        watched = [(model, source) for model in self._models.values() for source in model.sources]
        for model, source in watched:
            model.begun = source.moved = begun
        first = [asyncio.create_task(self._look(*each), name=f"age of {each[0].name}") for each in watched]
        await asyncio.wait(first, timeout=LOOK_SECONDS)
        self._tasks = [
            asyncio.create_task(self._measure(look, *each), name=f"age of {each[0].name}")
            for look, each in zip(first, watched, strict=True)
        ]

    async def stop(self) -> None:
        """Ends. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _measure(self, first: asyncio.Task[None], model: _Model, source: _Source) -> None:
        try:
            await first
        finally:
            first.cancel()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look(model, source)

    async def _look(self, model: _Model, source: _Source) -> None:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        what = ""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._compare(source, asked)
                if source.life is not None:
                    await source.life.heads()
        except TimeoutError:
            what = f"it has not said how far it is within {ANSWER_SECONDS:.0f} s"
        except RemitError as error:
            what = error.what
        except Exception as error:  # noqa: BLE001  # this loop must not end, whatever a feed raises
            what = f"{type(error).__name__}: {error}"
        source.silent = (source.silent or asked) if what else None
        states: Collection[str] = ()
        with contextlib.suppress(RemitError):
            states = await self._peers[source.id.context].states(source.id.label)
        self._judge(model, source, states, what)

    async def _compare(self, source: _Source, asked: float) -> None:
        """Reads heads and then checkpoints, so that a model is never taken for more complete than it is."""
        following, id = source.following, source.id
        found = await following.feed.heads()
        stands = await following.store.checkpoints(id)
        heads = {part: pos for part, (pos, _) in found.items()}
        source.parked = "".join([row.key for row in await following.store.due(id, at=inf, tried_after=inf, limit=1)])
        if await self._is_wedged(source):
            return
        source.seen(asked, heads, stands)
        if source.complete == -inf:  # it was behind already when this process began: since when is in the log
            oldest = self._ports.clock.seconds()
            for part, pos in heads.items():
                stood = stands[part].pos if part in stands else 0
                for first in await following.feed.read(part, stood, 1) if stood < pos else ():
                    oldest = min(oldest, first.at)
            source.complete = asked - max(0.0, self._ports.clock.seconds() - oldest)

    async def _is_wedged(self, source: _Source) -> bool:
        """Whether the process that brings the model up to date has found that its writes are lost. Then its checkpoints
        say nothing."""
        return "wedged" in await self._peers[source.id.context].states(source.id.label)

    def _judge(self, model: _Model, source: _Source, states: Collection[str], silence: str) -> None:
        """Notes what keeps the model from being fresh."""
        now = asyncio.get_running_loop().time()
        id = source.id
        source.alone = (source.alone or now) if not set(states) - {"standby"} else None
        is_alone = source.alone is not None and now - source.alone >= SILENT_SECONDS
        known: list[State] = [each for each in STATES if each in states and each not in (*WELL, "source-silent")]
        if known:  # in order, the worst last; whether the source is silent is measured below
            model.found(("follower", id), known[-1], f"what follows {id.source} is {known[-1]}")
        else:
            model.found(("follower", id), "silent" if is_alone else None, f"no process follows {id.source}")
        model.found(("parked", id), "parked" if source.parked else None, f"key {source.parked!r} is parked")
        is_silent = source.silent is not None and now - source.silent >= SILENT_SECONDS
        model.found(("source", id), "source-silent" if is_silent else None, f"{id.source}: {silence}")
        if source.life is not None and (follower := self._followers.get(id)) is not None:
            follower.source_is_silent(silence if is_silent else "")
        is_still = silence == "" and now - source.moved >= STILL_SECONDS
        still = f"messages of {id.source} wait, and none was handled for {STILL_SECONDS:.0f} s"
        model.found(("still", id), "stalled" if is_still else None, still)
        model.found("age", *_of_age(model, now))


def _of_age(model: _Model, now: float) -> tuple[State | None, str]:
    age, promised = model.age(), model.promised
    if age > promised.critical and (age < inf or now - model.begun >= SILENT_SECONDS):
        return "stale", f"it is older than {promised.critical:g} s"
    if promised.critical >= age > promised.warn:
        return "lagging", f"it is older than {promised.warn:g} s"
    return None, ""


def _is_of(follow: object, kind: str) -> bool:
    return isinstance(follow, FoldPlan) and follow.projection.kind == kind


def _told(model: _Model) -> ModelAge:
    state, note = model.troubles.worst
    age, promised = model.age(), model.promised
    return ModelAge(
        model.name, "fresh" if state == "running" else state, None if age == inf else round(age, 3), promised.warn,
        promised.critical, note,
    )  # fmt: skip
