"""The status of a subscription: what each state means, and which of several is shown."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field, replace
from subprocess import PIPE

import pytest

from remit.log import Channel, Checkpoint, SubscriptionId
from remit.observability import SubscriptionStatus, is_alive, read_status
from remit.observability.life import LOOK_SECONDS, NEWS_SECONDS
from remit.runtime import Host, Ports
from remit.stores import Advance, Entry, Park, Store, Unit, Versions, write_versions
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, Talk, now, on_virtual_time, virtually

FOLLOW = SubscriptionId("mail.deliver", "desk", Channel.PUBLISHED)
NOW = 1_000_000.0


@dataclass
class Scene:
    """A source and a consumer with one partition each, at NOW."""

    desk: MemoryStore = field(default_factory=lambda: MemoryStore(partitions=1))
    mail: MemoryStore = field(default_factory=lambda: MemoryStore(partitions=1))

    async def append(self, id: str, *, ago: float = 0.0, channel: Channel = Channel.PUBLISHED) -> None:
        await self.desk.commit(Unit(entries=[Entry(channel, "ada", id, "desk.X", 1, NOW - ago, "{}", b"{}")]))

    async def advance(self, before: str, after: str, *, ago: float = 0.0) -> None:
        """Moves the checkpoint; the id of the n-th message is the number n."""
        at = (int(before or 0), before, int(after), after)
        await self.mail.commit(Unit(advance=Advance(FOLLOW, 0, *at, NOW - ago)))

    async def park(self, key: str, error: str) -> None:
        record = (await self.desk.read(Channel.PUBLISHED, 0, 0, 1))[0]._replace(key=key)
        await self.mail.commit(Unit(parks=[Park(FOLLOW, key, record, NOW, error, NOW + 30)]))

    async def beat(self, state: str = "running", *, note: str = "", ago: float = 0.0, process: str = "p1") -> None:
        sign = {"name": FOLLOW.name, "source": "desk", "channel": Channel.PUBLISHED, "state": state, "note": note}
        await self.mail.beat(process, NOW - ago, json.dumps([sign]))

    async def status(self) -> SubscriptionStatus:
        (row,) = await read_status([FOLLOW], {"desk": self.desk, "mail": self.mail}, NOW)
        return row


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_everything_handled_is_running(scene: Scene) -> None:
    await scene.append("1", ago=100)
    await scene.advance("", "1", ago=99)
    await scene.append("private", channel=Channel.PRIVATE)
    await scene.beat()
    assert await scene.status() == SubscriptionStatus(
        name="mail.deliver",
        source="desk",
        channel="published",
        head=1,
        position=1,
        lag=0,
        lag_seconds=0.0,
        parked=0,
        state="running",
    )


@on_virtual_time
async def test_lag_is_counted_in_messages_and_seconds() -> None:
    scene = Scene()
    for id, ago in [("1", 20), ("2", 12), ("3", 5)]:
        await scene.append(id, ago=ago)
    await scene.advance("", "1")
    await scene.beat()
    row = await scene.status()
    assert (row.state, row.head, row.position, row.lag, row.lag_seconds) == ("lagging", 3, 1, 2, 12.0)
    assert row.well


@pytest.mark.parametrize(
    ("waiting", "moved", "state"),
    [(91, 91, "stalled"), (91, 89, "lagging"), (89, 91, "lagging"), (91, None, "stalled")],
)
def test_stalled_takes_both_waiting_and_standing_still(waiting: float, moved: float | None, state: str) -> None:
    virtually(_stalled(waiting, moved, state))


async def _stalled(waiting: float, moved: float | None, state: str) -> None:
    scene = Scene()
    await scene.append("1", ago=waiting)
    await scene.append("2", ago=waiting)
    if moved is not None:
        await scene.advance("", "1", ago=moved)
    await scene.beat()
    row = await scene.status()
    assert (row.state, row.well) == (state, state == "lagging")


@on_virtual_time
async def test_what_moves_is_not_stalled_whatever_the_clock_says() -> None:
    """The clock of whoever looks is an hour ahead of those that messages and checkpoints had."""
    scene = Scene()
    for id in ("1", "2", "3"):
        await scene.append(id, ago=3600)
    await scene.advance("", "1", ago=3600)
    await scene.beat()
    looking = asyncio.create_task(scene.status())
    await asyncio.sleep(4)
    await scene.advance("1", "2", ago=3596)
    assert (await looking).state == "lagging"
    assert now() < 5


async def test_parked_keys_are_counted_with_the_first_reason(scene: Scene) -> None:
    await scene.append("1")
    await scene.park("ada", "ValueError: no such street")
    await scene.park("bob", "KeyError: 'bob'")
    await scene.advance("", "1")
    await scene.beat()
    row = await scene.status()
    assert (row.state, row.parked, row.well) == ("parked", 2, False)
    assert row.note == "key 'ada' with 1 waiting: ValueError: no such street, and 1 more keys"


@pytest.mark.parametrize("state", ["paused", "source-silent", "stalled", "regressed", "lost-source"])
async def test_what_the_process_says_is_shown(scene: Scene, state: str) -> None:
    await scene.beat(state, note="the disk is full")
    row = await scene.status()
    assert (row.state, row.note, row.well) == (state, "the disk is full", False)


@pytest.mark.parametrize("waiting", [False, True], ids=["running", "lagging"])
async def test_a_process_that_works_may_have_something_to_say(scene: Scene, waiting: bool) -> None:
    if waiting:
        await scene.append("1")
    await scene.beat(note="the event loop was blocked for 2.1 s, in charge")
    row = await scene.status()
    assert (row.state, row.well) == ("lagging" if waiting else "running", True)
    assert row.note == "the event loop was blocked for 2.1 s, in charge"


@on_virtual_time
async def test_a_process_that_is_gone_does_not_count() -> None:
    scene = Scene()
    await scene.beat("regressed", process="gone", ago=16)
    await scene.beat(process="well")
    assert (await scene.status()).state == "running"
    assert now() == 0.0


@pytest.mark.parametrize("lives", [True, False])
def test_where_processes_do_not_agree_the_worst_that_lives_counts(lives: bool) -> None:
    """The last word of one that was killed is as young as it was."""

    async def story() -> None:
        scene = Scene()
        await scene.beat(process="well")
        await scene.beat("paused", process="unwell", ago=2)
        looking = asyncio.create_task(scene.status())
        await asyncio.sleep(3)
        if lives:
            await scene.beat("paused", process="unwell", ago=-3)
        await asyncio.sleep(2)
        await scene.beat(process="well", ago=-5)
        assert (await looking).state == ("paused" if lives else "running")
        assert now() < 7.0

    virtually(story())


@on_virtual_time
async def test_a_replica_that_stands_by_counts_for_nothing() -> None:
    scene = Scene()
    await scene.beat("standby", process="second")
    row = await scene.status()
    assert (row.state, row.note) == ("silent", "the living replicas stand by")
    await scene.beat("paused", process="first")
    assert (await scene.status()).state == "paused"


@on_virtual_time
async def test_what_one_replica_has_given_up_and_another_takes_is_not_silent() -> None:
    scene = Scene()
    for process in ("first", "second"):
        await scene.beat("standby", process=process)
    looking = asyncio.create_task(scene.status())
    await asyncio.sleep(4)
    await scene.beat("running", process="second", ago=-4)
    assert (await looking).state == "running"
    assert now() == pytest.approx(4 + LOOK_SECONDS, abs=LOOK_SECONDS)


@on_virtual_time
async def test_what_has_changed_is_said_at_once() -> None:
    talk = Talk()
    async with talk.running() as (_, follower, feed):
        await asyncio.sleep(6)
        feed.away = 1000
        follower.ring()
        await asyncio.sleep(1)
        (row,) = await read_status([follower.id], {"talk": talk.store}, LoopClock().seconds())
        assert row.state == "source-silent"
        feed.away = 0


@on_virtual_time
async def test_what_has_just_ended_is_not_shown() -> None:
    """A process says that a state has ended half a second later at most."""
    scene = Scene()
    await scene.beat("source-silent", note="Unavailable: away", ago=0.4)
    looking = asyncio.create_task(scene.status())
    await asyncio.sleep(0.1)
    await scene.beat("running")
    assert (await looking).state == "running"
    assert now() < 2 * LOOK_SECONDS


@on_virtual_time
async def test_what_goes_on_is_shown_after_a_second() -> None:
    scene = Scene()
    await scene.beat("source-silent", note="Unavailable: away")
    assert (await scene.status()).state == "source-silent"
    assert now() == pytest.approx(NEWS_SECONDS, abs=LOOK_SECONDS)


@on_virtual_time
async def test_what_a_replica_leaves_at_its_end_is_not_silent() -> None:
    talk = Talk()
    talk.store.technology = replace(talk.store.technology, shared_between_processes=True)
    model = talk.model().model()

    def replica() -> Host:
        ports = Ports(LoopClock())
        return Host(model, {"talk": talk.store}, ports)

    first, second = replica(), replica()
    await first.start()
    await second.start()
    ids = [each.id for each in first.subscriptions]
    assert [each.state for each in second.subscriptions] == ["standby"]
    await asyncio.sleep(11)
    await first.stop()
    (row,) = await read_status(ids, {"talk": talk.store}, LoopClock().seconds())
    assert row.state == "running"
    await second.stop()


@pytest.mark.parametrize(("ago", "way"), [(3600, "behind"), (-3600, "ahead")])
def test_a_process_whose_clock_is_wrong_is_told_from_one_that_is_gone(ago: float, way: str) -> None:
    async def story() -> None:
        scene = Scene()
        await scene.beat(ago=ago)
        looking = asyncio.create_task(scene.status())
        await asyncio.sleep(5)
        await scene.beat(ago=ago - 5)
        row = await looking
        assert (row.state, row.note) == ("running", f"the clock of its process is 3600 s {way}")
        row = await scene.status()
        assert row.state == "silent", "no more of it comes"
        assert re.fullmatch(r"the last sign of life is (36|35)\d\d s (old|ahead)", row.note)

    virtually(story())


@on_virtual_time
async def test_silence_is_a_state() -> None:
    scene = Scene()
    row = await scene.status()
    assert (row.state, row.note, row.well) == ("silent", "no process runs it", False)
    await scene.mail.beat("p1", NOW, "this is no JSON")
    assert (await scene.status()).state == "silent"
    await scene.mail.beat("p1", NOW, '[{"name":"mail.other","source":"desk","channel":1,"state":"running"}]')
    assert (await scene.status()).state == "silent"
    assert now() == 0.0, "where no process is known there is nothing to wait for"
    await scene.beat(ago=16, process="p2")
    await scene.beat(ago=60)
    assert (await scene.status()).note == "the last sign of life is 22 s old"


@pytest.mark.parametrize("state", ["paused", "source-silent", "running", "standby"])
async def test_subscription_that_only_a_process_names_is_listed_while_it_has_trouble(scene: Scene, state: str) -> None:
    await scene.beat()
    sign = {"name": "mail.commands", "source": "desk", "channel": Channel.PUBLISHED, "state": state, "note": "away"}
    await scene.mail.beat("p2", NOW, json.dumps([sign]))
    rows = await read_status([FOLLOW], {"desk": scene.desk, "mail": scene.mail}, NOW)
    named = [("mail.commands", "desk", state, "away")] if state in ("paused", "source-silent") else []
    assert [(row.name, row.source, row.state, row.note) for row in rows[1:]] == named


@on_virtual_time
async def test_subscription_that_only_a_process_of_the_past_names_is_not_listed() -> None:
    scene = Scene()
    await scene.beat()
    sign = {"name": "mail.commands", "source": "desk", "channel": Channel.PUBLISHED, "state": "paused", "note": "away"}
    await scene.mail.beat("p2", NOW - 16, json.dumps([sign]))
    (row,) = await read_status([FOLLOW], {"desk": scene.desk, "mail": scene.mail}, NOW)
    assert row.name == FOLLOW.name


async def test_killed_process_of_this_machine_does_not_count_although_its_sign_of_life_is_new(scene: Scene) -> None:
    text = "from remit.runtime.machine import SystemMachine; print(SystemMachine().name('x'), flush=True); input()"
    one = [sys.executable, "-c", text]
    with subprocess.Popen(one, stdin=PIPE, stdout=PIPE, text=True) as process:  # noqa: ASYNC220  # nothing else runs
        assert process.stdout is not None
        await scene.beat(process=process.stdout.readline().strip())
        assert (await scene.status()).state == "running"
        process.kill()
        process.wait()
        row = await scene.status()
    assert (row.state, row.note) == ("silent", "no process runs it")


async def test_a_log_that_ends_before_the_checkpoint_has_regressed(scene: Scene) -> None:
    await scene.append("1")
    await scene.advance("", "3")
    await scene.beat()
    row = await scene.status()
    assert (row.state, row.head, row.position, row.lag) == ("regressed", 1, 3, 0)
    assert row.note == "partition 0: the log of the source ends at 1, the checkpoint stands at 3"


async def test_a_log_that_begins_after_the_checkpoint_is_lost(scene: Scene) -> None:
    for id in "1234":
        await scene.append(id)
    await scene.advance("", "1")
    await scene.beat()
    await scene.desk.trim(Channel.PUBLISHED, 0, upto=2, before=float("inf"), limit=9)
    row = await scene.status()
    assert (row.state, row.head, row.position, row.lag) == ("lost-source", 4, 1, 2)
    assert row.note == "partition 0: the source's log begins with message 3, the checkpoint stands at 1"


async def test_a_new_subscription_waits_for_what_is_left_of_the_log(scene: Scene) -> None:
    for id in "1234":
        await scene.append(id)
    await scene.beat()
    await scene.desk.trim(Channel.PUBLISHED, 0, upto=3, before=float("inf"), limit=9)
    row = await scene.status()
    assert (row.state, row.lag) == ("lagging", 1)


@on_virtual_time
async def test_the_worst_of_several_states_is_shown() -> None:
    scene = Scene()
    await scene.append("1", ago=100)
    await scene.park("ada", "ValueError")
    await scene.beat()
    assert (await scene.status()).state == "stalled"
    await scene.beat("paused")
    assert (await scene.status()).state == "paused"
    await scene.beat("source-silent")
    assert (await scene.status()).state == "source-silent"
    await scene.mail.beat("p1", NOW, "")
    row = await scene.status()
    assert (row.state, row.parked, row.lag) == ("silent", 1, 1)


async def test_a_projection_is_incomplete_and_a_reaction_begins_with_what_is_there(scene: Scene) -> None:
    await scene.mail.note_missed(FOLLOW, {0: Checkpoint(3, "3", NOW)})
    stores = {"desk": scene.desk, "mail": scene.mail}
    for projections, note in (
        ([FOLLOW], "incomplete: messages of desk were deleted before it had seen them"),
        ([], ""),
    ):
        (row,) = await read_status([FOLLOW], stores, NOW, projections=projections)
        assert row.note.partition("; ")[2] == note


@pytest.mark.parametrize("made", ["desk", "mail"])
async def test_a_context_that_has_not_run_is_silent(scene: Scene, made: str) -> None:
    stores: dict[str, Store] = {"desk": scene.desk} if made == "desk" else {"mail": scene.mail}
    (row,) = await read_status([FOLLOW], stores, NOW)
    assert row.state == "silent"


@on_virtual_time
async def test_a_process_is_alive_for_fifteen_seconds() -> None:
    scene = Scene()
    assert not await is_alive(scene.mail, NOW)
    await scene.beat(ago=15)
    assert await is_alive(scene.mail, NOW)
    assert now() == 0.0
    assert not await is_alive(scene.mail, NOW + 1)


@on_virtual_time
async def test_a_process_with_a_wrong_clock_is_alive_too() -> None:
    scene = Scene()
    await scene.beat(ago=3600)
    asking = asyncio.create_task(is_alive(scene.mail, NOW))
    await asyncio.sleep(5)
    await scene.beat(ago=3595)
    assert await asking


async def test_what_is_parked_for_a_subscription_that_is_gone_is_shown(scene: Scene) -> None:
    await scene.append("1")
    await scene.beat()
    await scene.park("ada", "broken")
    renamed = FOLLOW._replace(name="mail.send")
    rows = await read_status([renamed], {"desk": scene.desk, "mail": scene.mail}, NOW)
    assert [row.name for row in rows] == ["mail.send", "mail.deliver"]
    gone = rows[1]
    assert (gone.state, gone.parked, gone.source, gone.channel, gone.well) == ("gone", 1, "desk", "published", False)
    assert "remit parked discard" in gone.note
    assert await is_alive(scene.mail, NOW, "mail.deliver")
    assert not await is_alive(scene.mail, NOW, "mail.send")


PROMISED = 5, 60


@pytest.mark.parametrize(
    ("ago", "state", "note"),
    [(2, "lagging", ""), (20, "lagging", "it is older than 5 s"), (80, "stale", "it is older than 60 s")],
)
async def test_a_read_model_that_promises_its_freshness_has_an_age(
    scene: Scene, ago: float, state: str, note: str
) -> None:
    await scene.append("1", ago=ago)
    await scene.beat()
    stores = {"desk": scene.desk, "mail": scene.mail}
    (row,) = await read_status([FOLLOW], stores, NOW, promises={FOLLOW: PROMISED})
    assert (row.state, row.promised, row.note) == (state, (5, 60), note)
    assert row.age == pytest.approx(ago, abs=1)


async def test_the_age_of_a_wedged_model_and_of_one_whose_source_is_not_here_is_unknown(scene: Scene) -> None:
    (row,) = await read_status([FOLLOW], {"mail": scene.mail}, NOW, promises={FOLLOW: PROMISED})
    assert row.age is None
    await scene.beat("wedged", note="writes are lost")
    stores = {"desk": scene.desk, "mail": scene.mail}
    (row,) = await read_status([FOLLOW], stores, NOW, promises={FOLLOW: PROMISED})
    assert (row.state, row.age, row.note) == ("wedged", None, "writes are lost")


async def test_the_status_of_a_read_model_is_that_of_its_live_version(scene: Scene) -> None:
    await scene.append("1", ago=80)
    await scene.beat()
    stores = {"desk": scene.desk, "mail": scene.mail}
    await scene.mail.place(FOLLOW._replace(name="mail.deliver@2"), {0: Checkpoint(1, "1", NOW)})
    await write_versions(scene.mail, "mail.deliver", 0, Versions(live=2, highest=2))
    (row,) = await read_status([FOLLOW], stores, NOW, promises={FOLLOW: PROMISED})
    assert (row.name, row.position, row.state, row.age) == ("mail.deliver", 1, "running", 0.0)
