"""Reactions that work on one model follow together: the model sees the messages of a key in one order."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from random import Random
from typing import Any, Union

import pytest

from remit import Aggregate, Command, Context, DomainEvent, Repository, System
from remit.errors import OutcomeUnknown, StoreUnavailable
from remit.hosting.assembly import assemble
from remit.log import Channel, MessageRecord, SubscriptionId
from remit.runtime import Host, Ports
from remit.runtime.compiler import compile_system
from remit.runtime.following.joint import BEHIND_SECONDS
from remit.stores import Advance, Change, Unit, partition_of
from remit.stores.memory.store import MemoryStore
from remit.stores.port import Discard
from remit.transports.store_feed import StoreFeed
from tests.runtime.talk import LoopClock, virtually

KEYS = ("ada", "zoe", "bob")


class Step(Command[None]):
    who: str
    n: int
    kind: str


class Held(DomainEvent):
    who: str
    n: int


class Freed(DomainEvent):
    who: str
    n: int


class Moved(DomainEvent):
    who: str
    n: int


KINDS: dict[str, type[Held | Freed | Moved]] = {"held": Held, "freed": Freed, "moved": Moved}


class Place(Aggregate[str, Held | Freed | Moved]):
    steps: int = 0


class Copy(Aggregate[str]):
    seen: tuple[str, ...] = ()


class Other(Aggregate[str]):
    seen: tuple[str, ...] = ()


class Third(Aggregate[str]):
    seen: tuple[str, ...] = ()


MODELS: dict[str, tuple[type[Any], ...]] = {
    "copy": (Copy,),
    "other": (Other,),
    "both": (Copy, Other),
    "third": (Third,),
}


@dataclass(frozen=True)
class Follows:
    """One reaction of a release: its name, what it follows, and which model it writes into."""

    name: str
    kinds: tuple[str, ...]
    model: str = "copy"
    reaches_out: bool = False


class Mail:
    """What is outside of a unit of work."""


class LateFeed(StoreFeed):
    """Takes its time to read the beginning of the log."""

    def __init__(self, log: MemoryStore, late: float) -> None:
        super().__init__("desk", Channel.PRIVATE, log)
        self._late = late

    async def read(self, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        if not after and limit > 1:
            await asyncio.sleep(self._late)
        return await super().read(part, after, limit)


@dataclass
class Desk:
    """A context whose reactions fail as they are told to, over a store that stays while releases come and go."""

    store: MemoryStore = field(default_factory=lambda: MemoryStore(partitions=2))
    fails: dict[tuple[str, int], list[Exception]] = field(default_factory=dict[tuple[str, int], list[Exception]])
    """What a reaction raises for an event, once each."""
    tried: list[str] = field(default_factory=list[str])

    def model(self, release: Sequence[Follows]) -> System:
        desk = Context("desk")
        desk.provide(Mail, Mail)

        @desk.handle(Step)
        async def step(command: Step, places: Repository[Place]) -> None:
            place = await places.obtain(command.who)
            place.steps += 1
            place.record(KINDS[command.kind](who=command.who, n=command.n))

        for follows in release:
            desk.react(*[KINDS[kind] for kind in follows.kinds])(self._reaction(follows))
        return System("desk", contexts=[desk])

    def _reaction(self, follows: Follows) -> Any:
        async def on(event: Any, into: Any, *asked: Any) -> None:
            self.tried.append(f"{follows.name}:{event.n}")
            if errors := self.fails.get((follows.name, event.n)):
                raise errors.pop(0)
            (await into.obtain(event.who)).seen += (f"{follows.name}:{event.n}",)

        first, *more = MODELS[follows.model]
        union: Any = Union
        port: Any = Repository
        asked: dict[str, Any] = {"event": union[tuple(KINDS[kind] for kind in follows.kinds)]}
        asked |= {"into": port[first], **{f"more_{each.__name__}": port[each] for each in more}}
        asked |= {"mail": Mail} if follows.reaches_out else {}
        on.__name__, on.__annotations__ = follows.name, {**asked, "return": None}
        vars(on)["__signature__"] = Signature([Parameter(each, Parameter.POSITIONAL_OR_KEYWORD) for each in asked])
        return on

    @asynccontextmanager
    async def running(self, release: Sequence[Follows], late: float = 0.0) -> AsyncGenerator[Host, None]:
        """`late` is how many seconds it takes to read the beginning of the log."""
        ports, feed = Ports(LoopClock(), watch=None), LateFeed(self.store, late)

        def feeds(*_: object) -> LateFeed:
            return feed

        runtime = Host(self.model(release).model(), {"desk": self.store}, ports, feeds=feeds)
        await runtime.start()
        try:
            yield runtime
        finally:
            await runtime.stop()

    async def seen(self, model: type[Any], who: str) -> list[str]:
        """What has been written into one aggregate, in order."""
        found = await self.store.load(f"desk.{model.__name__}", who)
        return [] if found is None else list(json.loads(found[1])["seen"])


async def settle(host: Host, desk: Desk) -> None:
    """Tries what is parked until nothing is, and waits for what follows."""
    for _ in range(100):
        await host.freshness.reach("desk")
        parked = await desk.store.parked()
        if not parked:
            return
        for each in parked:
            await desk.store.retry(each.subscription.name, each.key, 0.0)
        await asyncio.sleep(1.0)
    raise AssertionError(f"still parked: {await desk.store.parked()}")


ON_HELD, ON_FREED = Follows("on_held", ("held",)), Follows("on_freed", ("freed",))


def test_reactions_on_one_model_see_the_events_of_a_key_in_one_order() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_held", 1): [ConnectionError("away")] * 3})
        async with desk.running([ON_HELD, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await host.freshness.reach("desk")
        assert await desk.seen(Copy, "ada") == ["on_held:1", "on_freed:2"]

    virtually(story())


def test_a_key_that_is_parked_for_one_waits_for_all_of_them() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_held", 1): [ValueError("poison")] * 3})
        async with desk.running([ON_HELD, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await host.send(Step(who="zoe", n=3, kind="freed"))
            await host.send(Step(who="ada", n=4, kind="held"))
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "zoe") == ["on_freed:3"], "other keys go on"
            assert await desk.seen(Copy, "ada") == []
            parked = {
                each.subscription.name: (each.key, each.letters, each.error) for each in await desk.store.parked()
            }
            assert parked == {
                "desk.on_held": ("ada", 2, "ValueError: poison"),
                "desk.on_freed": (
                    "ada",
                    1,
                    "it waits for desk.on_held, which follows together with it and has this key parked",
                ),
            }
            await desk.store.retry("desk.on_held", "ada", 0.0)
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "ada") == ["on_held:1", "on_freed:2", "on_held:4"]
            assert list(await desk.store.parked()) == []

    virtually(story())


def test_the_letters_of_one_wait_until_those_before_them_are_handled() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_held", 1): [ValueError("poison")] * 4})
        async with desk.running([ON_HELD, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await asyncio.sleep(2.0)
            await desk.store.retry("desk.on_freed", "ada", 0.0)
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "ada") == [], "it is not its turn"
            await desk.store.retry("desk.on_held", "ada", 0.0)
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "ada") == [], "the one before it has failed again"
            await desk.store.retry("desk.on_held", "ada", 0.0)
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "ada") == ["on_held:1", "on_freed:2"]

    virtually(story())


def test_a_letter_that_a_person_throws_away_lets_the_others_go_on() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_held", 1): [ValueError("poison")] * 3})
        async with desk.running([ON_HELD, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await asyncio.sleep(2.0)
            (held,) = [each for each in await desk.store.parked() if each.subscription.name == "desk.on_held"]
            gone = Discard(held.subscription, "ada", held.part, 1, "wrong", 1.0)
            await desk.store.commit(Unit(discard=gone))
            await asyncio.sleep(BEHIND_SECONDS + 2.0)
            assert await desk.seen(Copy, "ada") == ["on_freed:2"]

    virtually(story())


def test_letters_wait_for_a_reaction_that_has_joined_and_is_behind() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_freed", 2): [ValueError("poison")] * 3})
        async with desk.running([ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.freshness.reach("desk")
            await host.send(Step(who="ada", n=2, kind="freed"))
            await asyncio.sleep(2.0)
        await desk.store.retry("desk.on_freed", "ada", 0.0)
        async with desk.running([ON_HELD, ON_FREED], late=30.0) as host:
            await asyncio.sleep(40.0)
            await settle(host, desk)
        assert await desk.seen(Copy, "ada") == ["on_held:1", "on_freed:2"]

    virtually(story())


def test_what_is_independent_does_not_wait() -> None:
    async def story() -> None:
        desk = Desk(fails={("on_held", 1): [ValueError("poison")] * 3, ("elsewhere", 1): []})
        async with desk.running([ON_HELD, Follows("elsewhere", ("held", "freed"), "other")]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await asyncio.sleep(2.0)
            assert await desk.seen(Other, "ada") == ["elsewhere:1", "elsewhere:2"]
            assert [each.subscription.name for each in await desk.store.parked()] == ["desk.on_held"]

    virtually(story())


def test_one_that_fails_takes_nothing_back_of_those_before_it() -> None:
    """Two reactions to one event see it in the order of their declarations; where one fails, each has a step of its
    own."""

    async def story() -> None:
        late = Follows("late", ("held",))
        desk = Desk(fails={("late", 1): [ValueError("poison")] * 4})
        async with desk.running([ON_HELD, late, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.send(Step(who="ada", n=2, kind="freed"))
            await asyncio.sleep(2.0)
            assert await desk.seen(Copy, "ada") == ["on_held:1"]
            await settle(host, desk)
            assert await desk.seen(Copy, "ada") == ["on_held:1", "late:1", "on_freed:2"]

    virtually(story())


def test_reactions_are_related_by_a_third_one() -> None:
    releases = [ON_HELD, Follows("elsewhere", ("freed",), "other"), Follows("bridge", ("moved",), "both")]
    (plan,) = compile_system(Desk().model([*releases, Follows("apart", ("moved",), "third")]).model()).values()
    assert [[each.name for each in group] for group in plan.followed_together()] == [
        ["desk.on_held", "desk.elsewhere", "desk.bridge"],
        ["desk.apart"],
    ]
    (plan,) = compile_system(Desk().model(releases[:2]).model()).values()
    assert len(plan.followed_together()) == 2


class Rivalled(MemoryStore):
    """Lets something be done before a commit that moves a checkpoint of this subscription."""

    rival: Callable[[], Awaitable[None]] | None = None

    async def commit(self, unit: Unit) -> None:
        if self.rival is not None and any(move.subscription.name == "desk.on_freed" for move in unit.moves):
            rival, self.rival = self.rival, None
            await rival()
        await super().commit(unit)


def test_a_checkpoint_that_another_process_moves_meanwhile_is_taken_up() -> None:
    """A process of the release before moves one of them alone: nothing is done twice, and nothing is left out."""

    async def story() -> None:
        desk = Desk(store := Rivalled(partitions=2))
        part = partition_of("ada", 2)

        async def rival() -> None:
            place = SubscriptionId("desk.on_freed", "desk", Channel.PRIVATE)
            first, second = await store.read(Channel.PRIVATE, part, 0, 2)
            body = json.dumps({"id": "ada", "seen": ["rival:2"]}).encode()
            change = Change("desk.Copy", "ada", 1, body)
            await store.commit(Unit([change], advance=Advance(place, part, first.pos, first.id, 2, second.id, 1.0)))

        async with desk.running([ON_HELD, ON_FREED]) as host:
            await host.send(Step(who="ada", n=1, kind="held"))
            await host.freshness.reach("desk")
            store.rival = rival
            await host.send(Step(who="ada", n=2, kind="freed"))
            await host.send(Step(who="ada", n=3, kind="held"))
            await host.freshness.reach("desk")
        assert await desk.seen(Copy, "ada") == ["rival:2", "on_held:3"]

    virtually(story())


class Shaky(MemoryStore):
    """Fails now and then before a commit, or after it: then nobody knows."""

    chance: Random | None = None

    async def commit(self, unit: Unit) -> None:
        drawn = self.chance.random() if self.chance is not None and unit.advance is not None else 1.0
        if drawn < 0.03:
            raise StoreUnavailable("away")
        await super().commit(unit)
        if drawn < 0.06:
            raise OutcomeUnknown("it may be written")


@pytest.mark.parametrize("seed", range(12))
def test_one_release_keeps_the_order_through_failures_and_restarts(seed: int) -> None:
    release = [
        Follows("one", ("held", "moved")),
        Follows("two", ("freed", "held"), reaches_out=seed % 3 == 0),
        Follows("three", ("moved",), "both"),
    ]

    async def story() -> None:
        chance = Random(seed)
        desk = Desk(store := Shaky(partitions=2))
        sent: dict[str, list[str]] = defaultdict(list)
        for phase in range(3):
            store.chance = chance if phase < 2 else None
            async with desk.running(release) as host:
                for n in range(phase * 20, phase * 20 + 20):
                    who, kind = chance.choice(KEYS), chance.choice(list(KINDS))
                    takers = [each.name for each in release if kind in each.kinds]
                    if chance.random() < 0.25:
                        poison, away = ValueError("poison"), ConnectionError("away")
                        errors: list[list[Exception]] = [[poison] * 3, [away] * chance.randint(1, 6)]
                        desk.fails[chance.choice(takers), n] = chance.choice(errors)
                    await host.send(Step(who=who, n=n, kind=kind))
                    sent[who] += [f"{name}:{n}" for name in takers]
                    await asyncio.sleep(chance.random() * chance.choice([0.01, 1.0, 40.0]))
                if phase == 2:
                    await settle(host, desk)
        for who in KEYS:
            assert await desk.seen(Copy, who) == sent[who]

    virtually(story())


@pytest.mark.parametrize("seed", range(12))
def test_reactions_join_and_leave_with_releases_and_nothing_is_lost_or_done_twice(seed: int) -> None:
    """A reaction that asks for the model of another one joins it with its own checkpoints and letters. One that asks
    for it no more goes on alone. So a release may be taken back."""

    async def story() -> None:
        chance = Random(seed)
        desk, sent = Desk(), list[tuple[int, str]]()
        kinds = {"one": ("held", "moved"), "two": ("freed", "held"), "three": ("moved",), "four": ("held", "freed")}
        for phase in range(5):
            names = [name for name in kinds if phase == 4 or chance.random() < 0.8]
            models = ["copy", "copy", "other", "both"]
            release = [Follows(name, kinds[name], chance.choice(models)) for name in names]
            async with desk.running(chance.sample(release, len(release))) as host:
                for n in range(phase * 15, phase * 15 + 15):
                    who, kind = chance.choice(KEYS), chance.choice(list(KINDS))
                    if chance.random() < 0.3:
                        poison, away = ValueError("poison"), ConnectionError("away")
                        errors: list[list[Exception]] = [[poison] * 3, [away] * chance.randint(1, 6)]
                        desk.fails[chance.choice(list(kinds)), n] = chance.choice(errors)
                    await host.send(Step(who=who, n=n, kind=kind))
                    sent.append((n, kind))
                    await asyncio.sleep(chance.random() * chance.choice([0.0, 0.01, 1.0, 40.0]))
                if phase == 4:
                    desk.fails.clear()
                    await settle(host, desk)
        found = [
            entry for who in KEYS for model in (Copy, Other) for entry in await desk.seen(model, who)
        ]  # fmt: skip
        expected = [f"{name}:{n}" for n, kind in sent for name in kinds if kind in kinds[name]]
        assert Counter(found) == Counter(expected)
        for who in KEYS:
            for name in kinds:
                seen = [entry.split(":") for entry in await desk.seen(Copy, who)]
                mine = [int(n) for whose, n in seen if whose == name]
                assert mine == sorted(mine), "each sees the events of a key in order"

    virtually(story())


async def test_the_order_is_the_same_on_every_store(anywhere: str) -> None:
    desk = Desk(fails={("on_held", 1): [ConnectionError("away")] * 2, ("on_freed", 2): [ConnectionError("away")]})
    other = Follows("on_moved", ("moved", "held"))
    host = assemble(desk.model([ON_HELD, ON_FREED, other]).model(), store=anywhere)
    await host.start()
    try:
        for n, kind in enumerate(("held", "freed", "moved", "held"), 1):
            await host.send(Step(who="ada", n=n, kind=kind))
        await host.freshness.reach("desk")
        found = await host.stores["desk"].load("desk.Copy", "ada")
        assert found is not None
        assert json.loads(found[1])["seen"] == [
            "on_held:1", "on_moved:1", "on_freed:2", "on_moved:3", "on_held:4", "on_moved:4",
        ]  # fmt: skip
        ids = [SubscriptionId(f"desk.{name}", "desk", Channel.PRIVATE) for name in ("on_held", "on_freed", "on_moved")]
        stands = [await host.stores["desk"].checkpoints(id) for id in ids]
        assert [{part: each.pos for part, each in of.items()} for of in stands] == [{partition_of("ada", 16): 4}] * 3
    finally:
        await host.stop()
