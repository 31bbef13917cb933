"""Equal calls of one run, when their handler runs again: each ends as the same one did in the run before."""

from __future__ import annotations

import asyncio

import pytest

from remit import Sender
from remit.errors import Diverged
from tests.runtime.desk import Closed, Desk, Enter, Go, Open, Order


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("key", [None, "given"])
async def test_call_refused_and_made_again_after_its_reason_is_gone_ends_alike_in_the_next_run(
    desk: Desk, key: str | None
) -> None:
    """Each of the two equal calls gets the outcome of the same one in the run before."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        try:
            await sender.send(Enter(text="in"), key=key)
        except Closed:
            await sender.send(Open())
            assert await sender.send(Enter(text="in"), key=key) == 1
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, await desk.shown()) == (2, ["in"])


async def test_equal_calls_side_by_side_that_are_refused_end_alike_in_the_next_run(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        outcomes = await asyncio.gather(*(sender.attempt(Enter(text="in")) for _ in range(3)))
        assert outcomes == [Closed()] * 3
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, await desk.shown()) == (2, [])


async def test_one_refused_of_equal_calls_side_by_side_makes_no_further_call(desk: Desk) -> None:
    """The second call of the first run is let in; the second run gives each branch the outcome that it had."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def later() -> int | Closed:
            if desk.runs == 1:
                await first
                await desk.app.send(Open())
            return await sender.attempt(Enter(text="in"))

        first = asyncio.create_task(sender.attempt(Enter(text="in")))
        assert list(await asyncio.gather(first, later())) == [Closed(), 1]
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, await desk.shown()) == (2, ["in"])


async def test_branches_that_are_refused_and_call_again_keep_their_own_outcomes_in_the_next_run(desk: Desk) -> None:
    """The second run gives the kept outcomes at once, so one branch may end before another one begins."""

    async def body(sender: Sender, order: Order, *_: object) -> None:
        async def one() -> int:
            refused = await sender.attempt(Enter(text="in"))
            assert refused == Closed()
            await sender.send(Open())
            return await sender.send(Enter(text="in"))

        assert sorted(await asyncio.gather(one(), one())) == [1, 2]
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        assert await app.send(Go(order="o")) == "gone"
        assert (desk.runs, await desk.shown()) == (2, ["in", "in"])


async def test_run_that_stops_at_a_refusal_after_which_the_run_before_was_let_in_diverges(desk: Desk) -> None:
    async def body(sender: Sender, order: Order, *_: object) -> None:
        if await sender.attempt(Enter(text="in")) == Closed() and not order.touched:
            await desk.app.send(Open())
            await sender.send(Enter(text="in"))
        await desk.disturb()

    desk.body = body
    async with desk.running() as app:
        with pytest.raises(Diverged, match=r"did not call shelf\.Enter again"):
            await app.send(Go(order="o"))
        assert await desk.shown() == ["in"]
