"""Handlers that run again: what they are given repeats, and what they call takes effect once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from remit import (
    Clock,
    Command,
    Context,
    Ids,
    Later,
    Query,
    Repository,
    Sender,
    System,
    Value,
    field,
)
from remit.errors import (
    AlreadyExists,
    CallError,
    DeadlineExceeded,
    Diverged,
    HandlerFailed,
    KeyReused,
    OutcomeUnknown,
    StoreUnavailable,
)
from remit.hosting.assembly import assemble
from remit.log import Channel
from remit.messages import Codec
from remit.runtime import Host, Ports
from remit.stores import Change, Unit
from remit.stores.memory.store import MemoryStore
from tests.runtime.desk import (
    Charge,
    Closed,
    Desk,
    Enter,
    Go,
    Gone,
    Open,
    Order,
    Put,
    Shelf,
    Shown,
    Start,
    Touch,
    shelf_of,
)
from tests.runtime.talk import until, until_parked


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_key_belongs_to_a_type_of_command(desk: Desk) -> None:
    async with desk.running() as app:
        assert await app.send(Go(order="o"), key="o") == "gone"
        assert await app.send(Gone(order="o"), key="o") == "gone again"
        assert await app.send(Go(order="o"), key="o") == "gone"
        with pytest.raises(KeyReused):
            await app.send(Go(order="p"), key="o")
    assert desk.runs == 2


async def test_calls_under_one_key_of_two_types_have_keys_of_their_own(desk: Desk) -> None:
    """What is derived from a key holds who gave it, and for what."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text="same"))

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"), key="o")
        await app.send(Gone(order="o"), key="o")
        await app.send(Go(order="o"), key="o")
        assert await desk.shown() == ["same", "same"]


async def test_repeated_call_of_a_state_dependent_handler_takes_effect_once(desk: Desk) -> None:
    """The first attempt calls two, fails, and the second one calls only the last of them."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        if desk.runs == 1:
            await sender.send(Put(text="welcome"))
        await sender.send(Put(text="charge"))
        if desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert await desk.shown() == ["welcome", "charge"]


async def test_work_that_is_left_after_a_failure_is_done_under_the_same_key(desk: Desk) -> None:
    left = list("abcd")

    async def body(sender: Sender, order: Order, *_: object) -> None:
        for text in list(left):
            await sender.send(Put(text=text))
            left.remove(text)
            if text == "b":
                raise ValueError("half-way")

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="monday")
        await app.send(Go(order="o"), key="monday")
        assert await desk.shown() == list("abcd")


async def test_command_that_met_its_deadline_goes_on_where_it_was(desk: Desk) -> None:
    """Its calls of before are answered, with the identities and times that they carried."""

    async def body(sender: Sender, order: Order, ids: Ids, clock: Clock) -> None:
        for number in range(5):
            await sender.send(Put(text=f"{number} {ids.new()} {clock.now()}"))
            if desk.runs == 1 and number == 3:
                await asyncio.sleep(10)

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(DeadlineExceeded) as late:
            await app.send(Go(order="o"), key="k", deadline=0.1)
        assert "calls that it made by then keep their effect" in late.value.what
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert [text[0] for text in await desk.shown()] == list("01234")


async def test_equal_calls_are_counted(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        assert [await sender.send(Put(text="same")) for _ in range(3)] == [1, 2, 3]
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"), key="k")
        assert (desk.runs, await desk.shown()) == (2, ["same"] * 3)


async def test_calls_side_by_side_may_change_their_order(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def one(number: int) -> None:
            await asyncio.sleep(0.002 * ((number + desk.runs) % 3))
            await sender.send(Put(text=str(number)))

        await asyncio.gather(*map(one, range(3)))
        if desk.runs == 1:
            raise ValueError("once")
        if desk.runs == 2:
            task = asyncio.create_task(desk.app.send(Touch(order="o")))
            await asyncio.wait([task])

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert (desk.runs, sorted(await desk.shown())) == (3, ["0", "1", "2"])


async def test_reply_of_two_requests_at_once_under_one_key_is_the_same() -> None:
    """In two processes: the second one fails of what the first one has done, which is what it was to do itself."""
    store, runs = MemoryStore(), 0

    def process() -> Host:
        context = Context("a")

        @context.handle(Put)
        async def put(command: Put, shelves: Repository[Shelf]) -> int:
            nonlocal runs
            runs += 1
            await asyncio.sleep(0.02 * runs)
            if await shelves.find("s") is not None:
                raise AlreadyExists("taken")
            shelves.add(Shelf(id="s"))
            return 1

        model = System("s", contexts=[context]).model()
        return Host(model, {"a": store}, Ports())

    processes = [process(), process()]
    for each in processes:
        await each.start()
    assert await asyncio.gather(*(each.send(Put(text="x"), key="k") for each in processes)) == [1, 1]
    for each in processes:
        await each.stop()
    assert runs == 2


class Tags(Command[None]):
    tags: frozenset[str]
    counts: dict[str, int]
    pairs: frozenset[Pair] = frozenset()


class Pair(Value):
    left: int
    right: str = ""


_CANONICAL = """
import sys; sys.path[:0] = {path!r}
from tests.runtime.work.test_repetition import canonical_tags
print(canonical_tags({order}).hex())
"""


def canonical_tags(order: int) -> bytes:
    """What a command says whose sets and mappings were filled in one order or the other."""
    texts = [f"tag {number}" for number in range(20)][::order]
    pairs = frozenset(Pair(left=number, right=str(number)) for number in range(10)[::order])
    command = Tags(tags=frozenset(texts), counts=dict.fromkeys(texts, 1), pairs=pairs)
    return Codec(Tags).canonical(command)


def test_set_and_mapping_say_the_same_in_every_process() -> None:
    def elsewhere(seed: int, order: int) -> str:
        program = _CANONICAL.format(path=sys.path, order=order)
        environment = os.environ | {"PYTHONHASHSEED": str(seed)}
        return subprocess.check_output([sys.executable, "-c", program], env=environment, text=True).strip()

    assert elsewhere(7, -1) == canonical_tags(1).hex() == canonical_tags(-1).hex()


# ── identities ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("again", ["conflict", "failure"])
async def test_command_with_an_identity_takes_effect_once_whatever_else_it_says(desk: Desk, again: str) -> None:
    """A price that is asked changes between two runs: the first charge stands, and its reply is given again."""
    replies: list[int] = []

    async def body(sender: Sender, order: Order, *_: object) -> None:
        replies.append(await sender.send(Charge(order="o", cents=10 * desk.runs)))
        if again == "conflict":
            await desk.disturb()
        elif desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        await app.send(Start(order="o"))
        await until(lambda: desk.runs == 2)
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert (await desk.shown())[0] == "o: 10"
        assert replies[:2] == [1, 1]
        assert len(await desk.shown()) == 2, "another message charges for itself"


async def test_two_contents_of_one_identity_in_one_run_are_an_error(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Charge(order="o", cents=1))
        with pytest.raises(Diverged, match="one handler sent two commands"):
            await sender.send(Charge(order="o", cents=2))

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"))
        assert await desk.shown() == ["o: 1"]


def test_identity_names_a_field_of_a_command() -> None:
    with pytest.raises(TypeError, match="identity='order' names no field"):

        class _Wrong(Command[None], identity="order"):  # pyright: ignore[reportUnusedClass]  # it cannot be made
            id: str

    base: Any = Query
    with pytest.raises(TypeError, match="only a command has an identity"):
        type(base)("Asking", (base,), {"__annotations__": {"id": str}, "__module__": __name__}, identity="id")


# ── what repeats ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("key", [None, "k"])
async def test_identities_and_time_repeat_after_a_conflict(desk: Desk, key: str | None) -> None:
    async def body(sender: Sender, order: Order, ids: Ids, clock: Clock) -> None:
        await sender.send(Put(text=f"{ids.new()} {ids.new()} {clock.now()}"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o"), key=key) == "gone"
        assert (desk.runs, len(await desk.shown())) == (2, 1)
        first, second, *_ = (await desk.shown())[0].split()
        assert first != second


@pytest.mark.parametrize("store", ["memory:", "sqlite:{folder}/{{context}}.db"])
async def test_identities_and_time_repeat_in_another_process(desk: Desk, store: str, tmp_path: object) -> None:
    """Of a command under a key: it is repeated when the process that had begun it is gone."""
    seen: list[tuple[str, datetime]] = []

    async def body(sender: Sender, order: Order, ids: Ids, clock: Clock) -> None:
        seen.append((ids.new(), clock.now()))
        if desk.runs == 1:
            raise ValueError("the process dies here")

    desk.body = body
    place = store.format(folder=tmp_path)
    async with desk.system.connect(store=place) as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        if place == "memory:":
            await app.send(Go(order="o"), key="k")
    if place != "memory:":
        async with desk.system.connect(store=place) as app:
            await app.send(Go(order="o"), key="k")
            await app.send(Go(order="o"), key="another")
        assert seen[2] != seen[0]
    assert seen[0] == seen[1]


async def test_time_of_a_reaction_is_when_its_event_was_recorded(desk: Desk) -> None:
    seen: list[tuple[str, datetime]] = []

    async def body(sender: Sender, order: Order, ids: Ids, clock: Clock) -> None:
        seen.append((ids.new(), clock.now()))
        if desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        await app.send(Start(order="o"))
        await until(lambda: desk.runs == 2)
        (record,) = [r for part in range(16) for r in await app.stores["desk"].read(Channel.PRIVATE, part, 0, 9)]
    assert seen[0] == seen[1]
    assert seen[0][1] == datetime.fromtimestamp(record.at, UTC)


# ── deciding differently ────────────────────────────────────────────────────────────────────────────────────────────


async def test_rerun_that_calls_something_else_is_an_error_before_the_call(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text="back-order" if not order.touched else "ship"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(Diverged):
            await app.send(Go(order="o"), key="k")
        assert await desk.shown() == ["back-order"]
        assert await app.send(Go(order="o"), key="k") == "gone", "sent again, it decides anew"
        assert await desk.shown() == ["back-order", "ship"]


async def test_rerun_that_calls_something_else_is_an_error_also_when_its_handler_catches_it(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        with suppress(CallError):
            await sender.send(Put(text=str(order.touched)))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(Diverged):
            await app.send(Go(order="o"))


async def test_rerun_that_leaves_a_call_out_is_an_error(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        if not order.touched:
            await sender.send(Put(text="welcome"))
        await sender.send(Put(text="charge"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(Diverged, match=r"did not call shelf\.Put again") as found:
            await app.send(Go(order="o"), key="k")
        assert found.value.where == "desk.go", "the handler that contradicts itself"
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert await desk.shown() == ["welcome", "charge"]


async def test_rerun_may_call_more(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text="charge"))
        if order.touched:
            await sender.send(Put(text="more"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert await desk.shown() == ["charge", "more"]


async def test_reaction_that_decides_differently_waits_for_a_person(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text=str(order.touched)))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        await app.send(Start(order="o"))
        store = app.stores["desk"]
        await until_parked(store, 1)
        parked = await store.parked()
        assert parked[0].error.startswith("Diverged: ")
        assert parked[0].retry_at > parked[0].since + 1e9, "not by itself"
        await store.retry("desk.follow", "o", 0.0)
        await until_parked(store, 0)
        assert await desk.shown() == ["1", "2"]


# ── refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_refusal_inside_a_handler_is_not_kept(desk: Desk) -> None:
    """When the reason has gone, the same message is handled well."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Enter(text="in"))

    desk.body = body
    async with desk.running() as app:
        await app.send(Start(order="o"))
        await until_parked(app.stores["desk"], 1)
        await app.send(Open())
        await app.stores["desk"].retry("desk.follow", "o", 0.0)
        await until_parked(app.stores["desk"], 0)
        assert await desk.shown() == ["in"]


async def test_refusal_is_the_same_in_the_rerun_of_one_attempt(desk: Desk) -> None:
    """The handler has made another call because of it, which has taken effect."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        if isinstance(await sender.attempt(Enter(text="in")), Closed):
            await sender.send(Put(text="refused"))
        if desk.runs == 1:
            await desk.app.send(Open())
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, await desk.shown()) == (2, ["refused"])


async def test_refusal_is_kept_under_a_key_from_outside(desk: Desk) -> None:
    async with desk.running() as app:
        assert isinstance(await app.attempt(Enter(text="in"), key="k"), Closed)
        await app.send(Open())
        assert isinstance(await app.attempt(Enter(text="in"), key="k"), Closed)
        assert await app.attempt(Enter(text="in"), key="another") == 1


# ── branches ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_branch_that_outlives_its_handler_makes_no_calls(desk: Desk) -> None:
    late: list[BaseException] = []

    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def slow() -> None:
            await asyncio.sleep(0.01)
            try:
                await sender.send(Put(text="late"))
            except CallError as error:
                late.append(error)
                raise

        async def fails() -> None:
            raise Closed

        with pytest.raises(Closed):
            await asyncio.gather(fails(), slow())

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"))
        await until(lambda: bool(late))
        assert "after its handler had ended" in str(late[0])
        assert await desk.shown() == []


async def test_handler_has_ended_when_the_calls_that_it_began_have(desk: Desk) -> None:
    """Also one that it did not wait for: what is committed then is known to be called."""
    begun: list[asyncio.Task[int]] = []

    async def body(sender: Sender, order: Order, *_: object) -> None:
        begun.append(asyncio.create_task(sender.send(Put(text="not awaited"))))
        await asyncio.sleep(0)

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"))
        assert begun[0].done()
        assert await desk.shown() == ["not awaited"]


class Buy(Command[None, Closed]):
    pass


class Group(Command[None, Closed]):
    passing: bool


# ── what strangers and adversaries have found ───────────────────────────────────────────────────────────────────────


async def test_call_that_was_refused_and_made_again_keeps_its_key(desk: Desk) -> None:
    """A handler tries again until it is let in; when it runs again, that was one call."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        while isinstance(await sender.attempt(Enter(text="in")), Closed):
            await desk.app.send(Open())
        if desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        await app.send(Go(order="o"), key="k")
        assert await desk.shown() == ["in"]


@pytest.mark.parametrize("key", [None, "given"])
async def test_two_calls_under_one_key_are_repeated_together(desk: Desk, key: str | None) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        command = Put(text="same") if key else Charge(order="o", cents=1)
        await sender.send(command, key=key)
        await sender.send(command, key=key)
        await sender.send(Put(text="last"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, len(await desk.shown())) == (2, 2)


async def test_refusal_that_contradicts_the_run_before_is_an_error(desk: Desk) -> None:
    context = Context("shop")

    @context.handle(Buy)
    async def buy(command: Buy, orders: Repository[Order], sender: Sender) -> None:
        desk.runs += 1
        order = await orders.obtain("o")
        if order.touched:
            raise Closed
        await sender.send(Put(text="back-order"))
        version, body = await store.load("shop.Order", "o") or (0, b'{"id":"o","touched":1,"handled":0}')
        await store.commit(Unit([Change("shop.Order", "o", version, body)]))
        order.handled += 1

    async with System("s", contexts=[context, shelf_of()]).connect(store="memory:") as app:
        assert isinstance(app, Host)
        store = app.stores["shop"]
        with pytest.raises(Diverged, match=r"did not call shelf\.Put again"):
            await app.send(Buy(), key="k")
        assert isinstance(await app.attempt(Buy(), key="k"), Closed)


@pytest.mark.parametrize("how", ["group", "own"])
async def test_diverged_is_not_lost_in_what_the_handler_makes_of_it(desk: Desk, how: str) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        command = Put(text=str(order.touched))
        if how == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(sender.send(command))
        else:
            try:
                await sender.send(command)
            except CallError as error:
                raise ValueError("of my own") from error
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        await app.send(Start(order="o"))
        await until_parked(app.stores["desk"], 1)
        assert (await app.stores["desk"].parked())[0].error.startswith("Diverged: ")
        assert await desk.shown() == ["1"]


async def test_task_group_fails_with_what_has_failed_in_it(desk: Desk) -> None:
    context = Context("shop")

    @context.handle(Group)
    async def handle(command: Group, sender: Sender) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(10) if command.passing else sender.send(Enter(text="in")))
            if command.passing:
                raise StoreUnavailable("away")

    async with System("s", contexts=[context, shelf_of()]).connect(store="memory:") as app:
        assert isinstance(await app.attempt(Group(passing=False)), Closed)
        with pytest.raises(StoreUnavailable):
            await app.send(Group(passing=True))


async def test_call_that_failed_counts_as_made(desk: Desk) -> None:
    """What it had called itself may have had an effect."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        if not order.touched:
            assert isinstance(await sender.attempt(Enter(text="in")), Closed)
        await sender.send(Put(text=str(order.touched)))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(Diverged):
            await app.send(Go(order="o"))
        assert await desk.shown() == ["0"]


@pytest.mark.parametrize("first", ["send", "later"])
async def test_identity_counts_for_what_is_sent_for_later_too(first: str) -> None:
    """Sent now and for later, with another amount: it is one charge."""
    context, done = Context("desk"), list[int]()

    @context.handle(Go)
    async def go(command: Go, sender: Sender, later: Later[Charge]) -> str:
        done.append(1)
        for how in ("send", "later")[:: 1 if first == "send" else -1]:
            charge = Charge(order="o", cents=10 * len(done))
            if how == "later":
                later.send(charge)
            else:
                await sender.send(charge)
        if len(done) == 1:
            raise ValueError("once")
        return "gone"

    async with System("s", contexts=[context, shelf_of()]).connect(store="memory:") as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert await app.ask(Shown(), fresh=True) == ["o: 10"]


async def test_handler_that_raises_has_ended_when_its_calls_have(desk: Desk) -> None:
    shown: list[str] = []

    async def body(sender: Sender, order: Order, *_: object) -> None:
        branch = asyncio.create_task(sender.send(Put(text="branch")))
        await asyncio.sleep(0)
        shown.append(str(branch.done()))
        raise ValueError("at once")

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"))
        assert await desk.shown() == ["branch"]


async def test_key_that_is_taken_inside_is_no_fault_of_the_key_outside(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text=str(desk.runs)), key="taken")

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"), key="k")
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="another")


def test_release_that_adds_a_field_or_moves_one_says_the_same() -> None:
    class Old(Command[None]):
        order: str
        cents: int

    class Moved(Command[None]):
        cents: int
        order: str
        tags: frozenset[str] = frozenset()
        more: dict[str, int] = field(default_factory=dict[str, int])

    said = {Codec(kind).canonical(kind(order="o", cents=1)) for kind in (Old, Moved)}
    assert said == {b'{"cents":1,"order":"o"}'}


def test_whole_number_in_place_of_a_fraction_says_the_same() -> None:
    """So it does after a journey to another process, which reads it as a fraction."""

    class Pay(Command[None]):
        amount: float

    assert Codec(Pay).canonical(Pay(amount=5)) == Codec(Pay).canonical(Pay(amount=5.0))


async def test_change_of_a_branch_after_its_call_is_written(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def branch() -> None:
            order.touched = await sender.send(Put(text="in a branch"))

        desk.branch = asyncio.create_task(branch())
        await asyncio.sleep(0)

    desk.body = body
    async with desk.running() as app:
        await app.send(Go(order="o"))
        _, stored = await app.stores["desk"].load("desk.Order", "o") or (0, b"")
        assert b'"touched":1' in stored


async def test_call_without_an_answer_keeps_its_key_when_it_is_made_again(desk: Desk) -> None:
    """It may have been applied: the handler that tries again in the same run means the same call."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        for _try in "12":
            with suppress(OutcomeUnknown):
                await sender.send(Put(text="once"))
                break

    class Lost(MemoryStore):
        lost = False

        async def commit(self, unit: Unit) -> None:
            await super().commit(unit)
            if unit.claim is not None and not self.lost:
                self.lost = True
                raise OutcomeUnknown("the connection was lost")

    desk.body = body
    app = assemble(desk.system.model(), stores={"desk": MemoryStore(), "shelf": Lost()})
    await app.start()
    await app.send(Go(order="o"))
    assert await app.ask(Shown()) == ["once"]
    await app.stop()


async def test_command_sent_twice_at_once_under_its_key_runs_once(desk: Desk) -> None:
    """Two runs side by side might call different things before either of them has an outcome."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text=f"run {desk.runs}"))
        await asyncio.sleep(0.01)

    desk.body = body
    async with desk.running() as app:
        assert await asyncio.gather(*(app.send(Go(order="o"), key="k") for _ in range(3))) == ["gone"] * 3
        assert (desk.runs, await desk.shown()) == (1, ["run 1"])


async def test_command_sent_again_while_it_runs_goes_on_when_that_has_failed(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        await sender.send(Put(text="once"))
        await asyncio.sleep(0.01)
        if desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        first = asyncio.create_task(app.send(Go(order="o"), key="k"))
        second = asyncio.create_task(app.send(Go(order="o"), key="k"))
        with pytest.raises(HandlerFailed):
            await first
        assert await second == "gone"
        assert (desk.runs, await desk.shown()) == (2, ["once"])


async def test_handler_may_call_itself_under_its_own_key(desk: Desk) -> None:
    """It does not wait for itself."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        if order.id == "o":
            await sender.send(Go(order="p"), key="k")
        elif desk.runs == 2:
            await sender.send(Go(order="p"), key="k", deadline=1.0)

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"


async def test_equal_calls_side_by_side_are_two_wishes_also_when_one_fails_and_is_made_again() -> None:
    desk = Desk()

    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def one() -> None:
            with suppress(Closed):
                await sender.send(Enter(text="a"))
                return
            await sender.send(Open())
            await sender.send(Enter(text="a"))

        await asyncio.gather(one(), one())
        if desk.runs == 1:
            raise ValueError("once")

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(HandlerFailed):
            await app.send(Go(order="o"), key="k")
        assert await app.send(Go(order="o"), key="k") == "gone"
        assert await desk.shown() == ["a", "a"]
