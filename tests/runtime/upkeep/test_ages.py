"""Read models that promise their freshness: how old they are, and what keeps them from being fresh."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import asyncpg
import pytest

from remit import Context, Events, Freshness, Projection, Query, System, View
from remit.errors import HandlerFailed, NotMeasured, TooOld
from remit.hosting.assembly import assemble
from remit.log import SubscriptionId
from remit.runtime import Host, Ports
from remit.runtime.placed import Placed
from remit.stores import Store
from remit.stores.memory.store import MemoryStore
from tests.runtime.talk import LoopClock, now, on_virtual_time, until
from tests.runtime.upkeep.board import PUBLISHED, AgeOf, Best, Goals, Loses, Score, Scored, apart, league, together

TABLE = SubscriptionId("rankings.Table", "matches", PUBLISHED)


@on_virtual_time
async def test_a_model_that_has_everything_is_fresh_however_long_nothing_happens() -> None:
    async with together() as shop:
        await shop.score()
        await asyncio.sleep(300)
        assert await shop.rankings.ask(Goals(team="reds")) == 1
        found = shop.model()
        assert (found.state, found.well) == ("fresh", True)
        assert found.age is not None
        assert found.age <= 1.1


@on_virtual_time
async def test_a_source_that_stops_is_reported_within_15_seconds_and_the_age_grows() -> None:
    async with apart() as shop:
        await shop.score()
        await shop.settled()
        assert shop.model().state == "fresh"
        await shop.stop_matches()
        await asyncio.sleep(15)
        found = shop.model()
        assert (found.state, found.well) == ("source-silent", False)
        assert found.age is not None
        assert 15 <= found.age <= 19
        assert await shop.rankings.ask(AgeOf()) == pytest.approx(found.age, abs=0.1)


@on_virtual_time
async def test_a_source_that_stops_is_reported_although_its_log_can_be_read_without_it() -> None:
    async with apart(shared=True) as shop:
        await shop.score()
        await shop.settled()
        assert shop.model().state == "fresh"
        await shop.stop_matches()
        await asyncio.sleep(15)
        found = shop.model()
        assert (found.state, found.well) == ("source-silent", False)
        assert found.age is not None
        assert found.age < 5, "the model has all that was written"
        states = {each.name: each.state for each in shop.rankings.subscriptions}
        assert states["rankings.Table"] == "source-silent", "the heartbeats tell it to remit status"
        await shop.matches.start()
        assert shop.wire is not None
        shop.wire.down = False
        await asyncio.sleep(30)
        assert shop.model().state == "fresh"
        assert {each.state for each in shop.rankings.subscriptions} == {"running"}


@on_virtual_time
async def test_a_model_whose_source_is_silent_is_stale_past_its_promise_and_refuses_if_so_declared() -> None:
    async with apart() as shop:
        await shop.score()
        await shop.settled()
        await shop.stop_matches()
        await asyncio.sleep(30)
        assert await shop.rankings.ask(Best()) == 1
        await asyncio.sleep(45)
        assert await shop.rankings.ask(Goals(team="reds")) == 1, "it does not declare refuse=True"
        with pytest.raises(TooOld, match=r"Standing is not read: it is 7\d s old"):
            await shop.rankings.ask(Best())


@pytest.mark.parametrize("name", ["rankings.Table", "rankings.Standing"])
@on_virtual_time
async def test_a_model_whose_writes_are_lost_is_wedged_within_a_minute(name: str) -> None:
    async with together() as shop:
        await shop.score()
        await shop.settled()
        planted = Loses(shop.store)
        begun = now()
        while shop.model(name).state != "wedged":
            assert now() - begun < 60
            await shop.score()
            await asyncio.sleep(1)
        notes = [each.note for each in shop.rankings.followers if each.name == name]
        assert "'reds', as of position" in notes[0]
        assert "is not there when it is read" in notes[0]
        before = shop.model(name).age
        await asyncio.sleep(10)
        after = shop.model(name).age
        assert before is not None
        assert after is not None
        assert after - before >= 9, "its checkpoints prove nothing now"
        assert await shop.store.missed(SubscriptionId(name, "matches", PUBLISHED)), "its documents lack what was lost"
        planted.on = False
        await shop.score()
        await asyncio.sleep(10)
        assert shop.model(name).state == "fresh"


@on_virtual_time
async def test_a_model_that_is_held_up_is_lagging_then_stalled_and_stale() -> None:
    async with together() as shop:
        await shop.score()
        await shop.settled()
        held = asyncio.Event()
        commit = shop.store.commit

        async def hold(unit: object) -> None:
            await held.wait()
            await commit(unit)  # type: ignore[arg-type]  # passed on

        shop.store.commit = hold  # type: ignore[method-assign]  # a store that hangs
        await shop.score()
        await asyncio.sleep(10)
        assert shop.model().state == "lagging"
        await asyncio.sleep(35)
        assert shop.model().state == "stalled"
        assert shop.model().well is False
        held.set()
        await asyncio.sleep(3)
        assert shop.model().state == "fresh"


@on_virtual_time
async def test_a_parked_key_of_a_model_is_its_state() -> None:
    async with together() as shop:
        await shop.score("bug")
        await asyncio.sleep(20)
        found = shop.model("rankings.Standing")
        assert (found.state, found.note) == ("parked", "key 'bug' is parked")
        assert shop.model("rankings.Table").state == "fresh"


@on_virtual_time
async def test_a_model_that_no_process_brings_up_to_date_is_silent() -> None:
    async with together() as shop:
        await shop.score()
        await shop.settled()
        for each in shop.rankings.subscriptions:
            await each.stand_by()
        await asyncio.sleep(25)
        found = shop.model()
        assert (found.state, found.note) == ("silent", "no process follows matches")


class Plain(Projection[str, Scored]):
    @staticmethod
    def key(event: Scored) -> str:
        return event.team

    def evolve(self, event: Scored) -> None: ...


class HowOld(Query[float]): ...


@on_virtual_time
async def test_a_process_that_begins_behind_knows_the_age_from_the_log() -> None:
    stores: dict[str, Store] = {"matches": MemoryStore(), "rankings": MemoryStore()}
    placed = Placed(runs={"matches": ["write", "read"], "rankings": []})
    before = Host(league().model(), stores, Ports(LoopClock()), placed=placed)
    await before.start()
    await before.send(Score(team="reds"))
    await asyncio.sleep(100)
    await before.stop()
    after = Host(league().model(), stores, Ports(LoopClock()), placed=placed)
    await after.start()
    found = after.ages.models()[0]
    assert found.age == pytest.approx(100, abs=1)
    await asyncio.sleep(12)
    assert {each.state for each in after.ages.models()} == {"silent"}
    await after.stop()


def test_a_promise_that_cannot_be_kept_is_refused() -> None:
    for warn, critical in ((1, 60), (10, 5), (5, float("inf"))):
        with pytest.raises(ValueError, match="2 <= warn <= critical"):
            Freshness(warn=warn, critical=critical)


@on_virtual_time
async def test_the_age_of_a_model_that_promises_nothing_is_an_error_that_says_what_to_declare() -> None:
    context = Context("plain")
    context.project(Plain)

    @context.answer(HowOld)
    async def how_old(query: HowOld, plain: View[Plain]) -> float:
        return await plain.age()

    async with System("plain", contexts=[context]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed, match="the age of Plain is not measured") as failed:
            await app.ask(HowOld())
        assert isinstance(failed.value.__cause__, NotMeasured)


class Counted(Projection[str, Scored], freshness=Freshness(warn=5, critical=60)):
    goals: int = 0

    @staticmethod
    def key(event: Scored) -> str:
        return event.team

    def evolve(self, event: Scored) -> None:
        self.goals += 1


class Slowly(Query[tuple[int, float]]): ...


@on_virtual_time
async def test_what_a_query_has_read_does_not_become_younger_by_what_is_written_afterwards() -> None:
    context, has_read, may_go_on = Context("counts"), asyncio.Event(), asyncio.Event()
    context.project(Counted)

    @context.handle(Score)
    async def score(command: Score, events: Events[Scored]) -> None:
        events.publish(Scored(team=command.team))

    @context.answer(Slowly)
    async def slowly(query: Slowly, counted: View[Counted]) -> tuple[int, float]:
        found = await counted.find("reds")
        has_read.set()
        await may_go_on.wait()
        return found.goals if found else 0, await counted.age()

    host = Host(System("counts", contexts=[context]).model(), {"counts": MemoryStore()}, Ports(LoopClock()))
    await host.start()
    asking = asyncio.create_task(host.ask(Slowly()))
    await has_read.wait()
    await host.send(Score(team="reds"))
    await asyncio.sleep(3)
    may_go_on.set()
    goals, age = await asking
    assert goals == 0
    assert age >= 3
    await host.stop()


async def plant(kept: str) -> None:
    """A trigger in the database deletes each row of a model as soon as it is written."""
    if kept.startswith("sqlite:"):
        with closing(sqlite3.connect(kept.removeprefix("sqlite:").format(context="rankings"))) as file:
            body = "BEGIN DELETE FROM row_Standing_1; END"
            file.execute(f"CREATE TRIGGER loses AFTER INSERT ON row_Standing_1 {body}")
            file.commit()
        return
    server, _, schema = kept.format(context="rankings").replace("&schema=", "?schema=").partition("?schema=")
    connection = await asyncpg.connect(server)
    table = f'"{schema}"."row_Standing_1"'
    await connection.execute(f"""
        CREATE FUNCTION "{schema}".lose() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN DELETE FROM {table}; RETURN NULL; END$$;
        CREATE TRIGGER loses AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION "{schema}".lose();
    """)
    await connection.close()


async def test_rows_that_the_database_loses_are_missed(kept: str) -> None:
    host = assemble(league().model(), store=kept)
    await host.start()
    try:
        await plant(kept)
        await host.send(Score(team="reds"))
        assert await host.ask(Goals(team="reds"), fresh=True) == 1
        (standing,) = [each for each in host.subscriptions if each.name == "rankings.Standing"]
        await until(lambda: standing.handled > 0)
        for _ in range(2):  # a canary is read twice
            await standing.housekeeping(reload=False)
        assert standing.state == "wedged"
    finally:
        await host.stop()


@on_virtual_time
async def test_an_older_version_of_a_model_that_is_live_again_is_as_old_as_it_is() -> None:
    async with together() as shop:
        await shop.score()
        await shop.settled()
        before = await shop.store.checkpoints(TABLE)
        for each in shop.rankings.subscriptions:
            await each.stand_by()
        await asyncio.sleep(30)
        await shop.store.place(TABLE, {part: stood._replace(pos=0, id="") for part, stood in before.items()})
        await asyncio.sleep(2)
        age = shop.model().age
        assert age is not None
        assert 32 <= age <= 38
