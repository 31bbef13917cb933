"""Runs a system in one process, with stores that can be taken away or slowed down, and observes what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, wraps
from typing import Any, NamedTuple

from remit import Command, Query, Refusal, System
from remit.advisor.outages import How
from remit.contexts import Model
from remit.errors import CallError, Stale, StoreUnavailable
from remit.hosting.assembly import assemble
from remit.log import MessageRecord
from remit.messages import contract_of
from remit.runtime import Listener, Ports, compile_system
from remit.runtime.events import CallEnded
from remit.runtime.plan import ContextPlan, FollowPlan
from remit.stores import Selection
from remit.testing.app import App, Heard, Made
from remit.testing.keeping import KeepingStore
from remit.testing.language import Language
from remit.testing.starting import Starting
from remit.testing.virtual import VirtualLoop

Message = Command[Any, Any] | Query[Any, Any]
DEADLINE = 1.0
"""Seconds that a call may take in an outage."""
SLOW_SECONDS = 60.0
"""What each access to a slow store takes: longer than all calls of a test together, and much longer than one."""
LITTLE_SECONDS = 0.5
"""What each access to a store takes that is slow, and not too slow for its callers."""
LOG = ("read", "heads", "floors", "report", "subscribers")
STATE = ("commit", "load", "load_all", "page", "stream", "outcome", "recall", "first_begun")
ROWS = ("load_rows", "select_rows", "count_rows")
NOTES = ("checkpoints", "parked_among", "due", "letters", "missed", "agreed_time", "event_keys")

loads: ContextVar[list[str] | None] = ContextVar("loads", default=None)
"""The kinds of state that the call of this task has loaded."""


class DisturbedStore(KeepingStore):
    """A store that works, hides its log, is away, or is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.is_muted = self.is_away = False
        self.slow_seconds = 0.0

    async def disturb(self, name: str, arguments: Sequence[Any]) -> None:
        """Before each access."""
        if self.is_away or (self.is_muted and name in LOG):
            raise StoreUnavailable("the store is away", where="test", expected="a store", next="wait")
        if name in STATE or name in ROWS:
            if (seen := loads.get()) is not None:
                seen += [each for each in arguments if isinstance(each, str)]
                seen += [each.table.name for each in arguments if isinstance(each, Selection)]
            if self.slow_seconds:
                await asyncio.sleep(self.slow_seconds)


def _disturbed(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    usual = getattr(KeepingStore, name)

    @wraps(usual)
    async def access(self: DisturbedStore, *arguments: Any, **named: Any) -> Any:
        await self.disturb(name, arguments)
        return await usual(self, *arguments, **named)

    return access


for _name in (*LOG, *STATE, *ROWS, *NOTES):
    setattr(DisturbedStore, _name, _disturbed(_name))


class Seen(NamedTuple):
    """What became of one call."""

    error: str
    """The class of the error; empty for a reply or a refusal."""
    seconds: float
    loads: frozenset[str]
    has_gone_without: bool
    """Whether a call that its handler has made ended with an error."""


@dataclass
class Play:
    """What is done with a system: `before` the outage; `last`, while the log of the context cannot be read any more;
    and `probes` during the outage, by the name of the message."""

    system: System
    before: Sequence[Message]
    last: Sequence[Message]
    probes: Sequence[Message]
    steps: Sequence[type[Message]] = ()
    """Commands that only their own context sends, when it must: alone they show nothing of what goes on."""


@dataclass
class Observed:
    """What an outage has done, by the names of messages, subscriptions and models."""

    calls: dict[str, Seen] = field(default_factory=dict[str, Seen])
    behind: set[str] = field(default_factory=set[str])
    """Subscriptions that had not handled everything when all calls had ended."""
    changed: set[str] = field(default_factory=set[str])
    """Models that changed when the outage had ended, and nobody did anything."""
    not_fresh: set[str] = field(default_factory=set[str])
    gone_on: set[str] = field(default_factory=set[str])
    """Commands that have left messages which the context had not handled when they ended."""

    @property
    def failed(self) -> set[str]:
        return {name for name, seen in self.calls.items() if seen.error}

    @property
    def degraded(self) -> set[str]:
        return {name for name, seen in self.calls.items() if seen.has_gone_without}

    @property
    def stale(self) -> set[str]:
        """Calls that were answered from a model that changed later."""
        return {name for name, seen in self.calls.items() if not seen.error and seen.loads & self.changed}


@cache
def prepared(system: System) -> tuple[Model, Mapping[str, ContextPlan]]:
    """The model and the plans of a system, made once."""
    model = system.hosting().model()
    return model, compile_system(model)


class Stage:
    """One run of a system."""

    def __init__(self, play: Play) -> None:
        self.model, self.plans = prepared(play.system)
        self.stores = {each.name: DisturbedStore() for each in self.model.contexts}
        self.models = {each.table.name: each.kind for plan in self.plans.values() for each in plan.row_models}
        """The row models by the names of their tables."""
        self.ended: list[CallEnded] = []
        self.starting = Starting(self._make, None, lambda: self.model.contexts, in_memory=True)

    def _make(self, ports: Ports) -> Made:
        heard = Heard()
        listeners: list[Listener] = [heard.hear, self._hear]
        host = assemble(self.model, store="memory:", stores=self.stores, ports=ports, listeners=listeners,
                        plans=self.plans)  # fmt: skip
        languages = {each.name: Language(each.name, each, self.model.owners) for each in self.model.contexts}
        return Made(host, languages, heard)

    def _hear(self, event: CallEnded) -> None:
        self.ended.append(event)

    def name(self, message: Message) -> str:
        owner = self.model.owner_of(type(message))
        assert owner is not None
        return contract_of(type(message), owner).type

    async def call(self, app: App, message: Message, deadline: float = DEADLINE, *, fresh: bool = False) -> Seen:
        loop, kinds, error = asyncio.get_running_loop(), list[str](), ""
        mark, begun = loads.set(kinds), loop.time()
        self.ended.clear()
        try:
            if isinstance(message, Query):
                await app.ask(message, deadline=deadline, fresh=fresh)
            else:
                await app.send(message, deadline=deadline)
        except Refusal:
            pass
        except (CallError, Stale) as raised:
            error = type(raised).__name__
        finally:
            loads.reset(mark)
        owner = self.model.owner_of(type(message))
        missed = [each for each in self.ended if each.caller == owner and each.outcome == "unavailable"]
        return Seen(
            error,
            loop.time() - begun,
            frozenset(self.models.get(each, each) for each in kinds),
            bool(missed) and not error,
        )

    def states(self) -> dict[tuple[str, str], tuple[int, bytes]]:
        found: dict[tuple[str, str], tuple[int, bytes]] = {}
        for store in self.stores.values():  # each is a double
            found |= store._state
            for table, rows in store._rows.tables.items():
                found |= {(self.models[table], id): row[:2] for id, row in rows.items()}
        return found

    async def behind(self) -> set[str]:
        """The subscriptions that have not handled all that their sources have."""
        follows = [follow for plan in self.plans.values() for follow in plan.follows.values()]
        return {each.id.name for each in follows if await self._left(each)}

    async def owed(self, context: str) -> int:
        """How many messages a context follows and has not handled."""
        follows = self.plans[context].follows.values()
        left = [(each.takes, record) for each in follows for record in await self._left(each)]
        return sum((record.type, record.version) in takes for takes, record in left)

    async def _left(self, follow: FollowPlan[Any]) -> list[MessageRecord]:
        """What a subscription has not handled, with messages that it skips."""
        source, id = self.stores[follow.id.source], follow.id
        places, left = await KeepingStore.checkpoints(self.stores[id.context], id), list[MessageRecord]()
        for part in range(source.partitions):
            after = places[part].pos if part in places else 0
            left += await KeepingStore.read(source, id.channel, part, after, 1000)
        return left


def observed(play: Play, context: str, how: How) -> Observed:
    """What happens if this context is down, or slow, after some of its events were committed and not yet followed."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_observed(play, context, how))


async def _observed(play: Play, context: str, how: How) -> Observed:
    stage, found = Stage(play), Observed()
    store = stage.stores[context]
    async with stage.starting as app:
        for message in play.before:
            assert not (await stage.call(app, message, 10.0)).error
            await app.settled()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        store.is_muted = True
        for message in play.last:
            assert not (await stage.call(app, message, 10.0)).error
            await loop.idle()
        if how == "down":
            store.is_away = True
        else:
            store.slow_seconds, store.is_muted = SLOW_SECONDS, False
        for message in play.probes:
            await loop.idle()
            name, before = stage.name(message), await stage.owed(context)
            found.calls[name] = await stage.call(app, message)
            if not found.calls[name].error and await stage.owed(context) > before:
                found.gone_on.add(name)
        await loop.idle()
        found.behind = await stage.behind()
        for message in play.probes:
            if isinstance(message, Query) and (await stage.call(app, message, fresh=True)).error:
                found.not_fresh.add(stage.name(message))
        await loop.idle()
        then = stage.states()
        store.is_away, store.is_muted, store.slow_seconds = False, False, 0.0
        await asyncio.sleep(SLOW_SECONDS)
        await app.settled()
        now = stage.states()
        found.changed = {kind for kind, id in now if then.get((kind, id)) != now[kind, id]}
    return found


def slowed(play: Play, context: str) -> set[str]:
    """The calls that take as long as the slow context, and are answered."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_slowed(play, context))


async def _slowed(play: Play, context: str) -> set[str]:
    stage, found = Stage(play), set[str]()
    async with stage.starting as app:
        for message in (*play.before, *play.last):
            await stage.call(app, message, 10.0)
            await app.settled()
        stage.stores[context].slow_seconds = LITTLE_SECONDS
        for message in play.probes:
            seen = await stage.call(app, message, 60.0)
            assert not seen.error, message
            if seen.seconds >= LITTLE_SECONDS:
                found.add(stage.name(message))
        stage.stores[context].slow_seconds = 0.0
        await asyncio.sleep(SLOW_SECONDS)
        await app.settled()
    return found
