"""Replicas share the subscriptions of a context: each runs in one of them, and none is left alone for long."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.runtime import Ports, SystemClock
from remit.runtime.leases import LEASE_SECONDS, Leases, fair
from remit.runtime.plan import FollowPlan
from remit.stores.memory import MemoryStore

NAMES = [f"mail.reaction{number} desk 1" for number in range(5)]


class Clock(SystemClock):
    def __init__(self) -> None:
        self.at = 1000.0

    def seconds(self) -> float:
        return self.at


class Subscription:
    """Notes whether it runs."""

    def __init__(self, name: str) -> None:
        self.name, source, channel = name.split()
        self.follow = FollowPlan(self.name, source, int(channel))
        self.runs = False

    async def start(self) -> None:
        self.runs = True

    async def stand_by(self) -> None:
        self.runs = False


@dataclass
class Replica:
    name: str
    store: MemoryStore
    clock: Clock
    subscriptions: list[Subscription] = field(default_factory=lambda: [Subscription(name) for name in NAMES])

    def __post_init__(self) -> None:
        ports = Ports(clock=self.clock)
        self.leases = Leases(self.store, self.name, cast("Any", self.subscriptions), ports)

    async def look(self) -> None:
        """A sign of life, and a look at the leases."""
        signs = [
            {"name": s.name, "source": s.follow.source, "channel": s.follow.channel, "state": "?"}
            for s in self.subscriptions
        ]
        await self.store.beat(self.name, self.clock.at, json.dumps(signs))
        await self.leases.renew()

    def running(self) -> set[str]:
        return {s.name for s in self.subscriptions if s.runs}


@pytest.fixture
def pair() -> tuple[Replica, Replica]:
    store, clock = MemoryStore(), Clock()
    return Replica("one", store, clock), Replica("two", store, clock)


async def settle(*replicas: Replica, seconds: float = 30.0) -> None:
    """Some time passes, in which they look at their leases now and then."""
    clock = replicas[0].clock
    end = clock.at + seconds
    while clock.at < end:
        clock.at += 3.0
        for replica in replicas:
            await replica.look()


async def test_one_that_is_alone_runs_everything(pair: tuple[Replica, Replica]) -> None:
    one, _ = pair
    await one.look()
    assert len(one.running()) == len(NAMES)


async def test_one_that_comes_later_gets_its_share(pair: tuple[Replica, Replica]) -> None:
    one, two = pair
    await one.look()
    await settle(one, two)
    assert sorted([len(one.running()), len(two.running())]) == [2, 3]
    assert not one.running() & two.running()
    before = one.running(), two.running()
    await settle(one, two)
    assert (one.running(), two.running()) == before, "nothing moves without a reason"


async def test_what_a_dead_one_ran_is_taken_over_when_its_leases_are_over(pair: tuple[Replica, Replica]) -> None:
    one, two = pair
    await settle(one, two)
    await settle(two, seconds=LEASE_SECONDS + 3.0)
    assert len(two.running()) == len(NAMES)


async def test_one_that_was_believed_dead_stands_by_again(pair: tuple[Replica, Replica]) -> None:
    one, two = pair
    await one.look()
    await settle(two)
    await one.look()
    assert not one.running() & two.running()


async def test_what_one_gives_up_at_its_end_is_taken_at_once(pair: tuple[Replica, Replica]) -> None:
    one, two = pair
    await one.look()
    await one.leases.stop()
    await two.look()
    assert len(two.running()) == len(NAMES)


@given(
    st.sets(st.sampled_from("abcdefgh"), min_size=1),
    st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["me", "other"])),
    st.integers(1, 4),
)
def test_a_wish_never_takes_what_another_holds(names: set[str], held: Mapping[str, str], members: int) -> None:
    wish = fair(names, held, "me", members)
    assert all(held.get(name, "me") == "me" for name in wish.keep)
    assert wish.give_up is None or (held[wish.give_up] == "me" and wish.give_up not in wish.keep)
    left = names - wish.keep - {name for name, owner in held.items() if owner != "me"}
    assert left == ({wish.give_up} if wish.give_up else set()), "nothing is left alone but what is given up"


@pytest.mark.parametrize("hour", [3600.0, -3600.0], ids=["ahead", "behind"])
async def test_a_clock_that_is_an_hour_wrong_leaves_nothing_alone(hour: float) -> None:
    store, right, wrong = MemoryStore(), Clock(), Clock()
    wrong.at += hour
    one, two = Replica("one", store, right), Replica("two", store, wrong)
    await two.look()
    for _ in range(10):
        right.at += 3.0
        wrong.at += 3.0
        await one.look()
        await two.look()
        assert one.running() | two.running() == {name.split()[0] for name in NAMES}
    before = one.running(), two.running()
    await one.look()
    await two.look()
    assert (one.running(), two.running()) == before, "nothing moves without a reason"
    await settle(one, seconds=20.0)
    assert len(one.running()) == len(NAMES), "what the other ran is taken over when it is dead"
    await settle(one, seconds=60.0)
    assert len(one.running()) == len(NAMES), "and kept"
