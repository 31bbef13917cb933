"""An index over other fields of a row model: the start is refused until the model is rebuilt."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from remit import Command, Context, DomainEvent, Events, Query, Row, System, View
from remit.errors import StoreError
from remit.hosting.opening import Places, opened
from remit.operations import Rebuild
from remit.topology.secret import Secret


class Grown(DomainEvent, key="tree"):
    tree: str
    apples: int


class Grow(Command[None]):
    tree: str
    apples: int


class WithApples(Query[list[str]]):
    apples: int


def garden(*indexes: tuple[str, ...]) -> System:
    """A release with these indexes."""
    context = Context("garden")

    @context.project
    class Tree(Row[str, Grown], indexes=indexes):
        tree: str = ""
        apples: int = 0

        @staticmethod
        def key(event: Grown) -> str:
            return event.tree

        def evolve(self, event: Grown) -> None:
            self.tree, self.apples = event.tree, event.apples

    @context.handle(Grow)
    async def grow(command: Grow, events: Events[Grown]) -> None:
        events.publish(Grown(tree=command.tree, apples=command.apples))

    @context.answer(WithApples)
    async def with_apples(query: WithApples, trees: View[Tree]) -> list[str]:
        every = trees.where(apples=query.apples) if ("apples",) in indexes else trees.where()
        return [row.tree for row in await every.page() if row.apples == query.apples]

    return System("garden", contexts=[context])


async def test_an_index_over_other_fields_needs_a_rebuild(tmp_path: Path) -> None:
    place = f"sqlite:{tmp_path}/{{context}}.db"
    before, after = garden(("tree",)), garden(("tree",), ("apples",))
    async with before.connect(store=place) as old:
        await old.send(Grow(tree="a", apples=3))
        assert await old.ask(WithApples(apples=3), fresh=True) == ["a"]
    with pytest.raises(StoreError, match=r"made for indexes of other fields(.|\n)*run remit rebuild"):
        async with after.connect(store=place):
            pass
    async with opened(Places({"default": Secret(place)}), ["garden"]) as stores:
        done: Any = await Rebuild(after.model(), "garden.Tree", stores, linger=0.1).build(pause=0.0)
    assert done.live == 2
    async with after.connect(store=place) as new:
        await new.send(Grow(tree="b", apples=3))
        assert await new.ask(WithApples(apples=3), fresh=True) == ["a", "b"]


def states(app: Any) -> set[str]:
    """What the followers of the row model do."""
    return {each.state for each in app.followers if each.name == "garden.Tree"}


async def test_a_release_that_runs_leaves_the_table_of_the_next_one_alone(tmp_path: Path) -> None:
    place = f"sqlite:{tmp_path}/{{context}}.db"
    before, after = garden(("tree",)), garden(("tree",), ("apples",))
    async with before.connect(store=place) as old:
        await old.send(Grow(tree="a", apples=3))
        assert await old.ask(WithApples(apples=3), fresh=True) == ["a"]
        async with opened(Places({"default": Secret(place)}), ["garden"]) as stores:
            await Rebuild(after.model(), "garden.Tree", stores, linger=0.1).build(pause=0.0)
        async with after.connect(store=place) as new:
            await old.send(Grow(tree="b", apples=3))
            assert await new.ask(WithApples(apples=3), fresh=True, deadline=20) == ["a", "b"]
            assert states(old) == {"standby"}
            assert await old.ask(WithApples(apples=3), fresh=True, deadline=20) == ["a", "b"]
            async with opened(Places({"default": Secret(place)}), ["garden"]) as stores:
                await Rebuild(before.model(), "garden.Tree", stores, linger=0.1).back(pause=0.0)
            await new.send(Grow(tree="c", apples=3))
            async with asyncio.timeout(20):
                while (  # noqa: ASYNC110  # a switch rings no bell
                    await old.ask(WithApples(apples=3)) != ["a", "b", "c"] or states(new) != {"standby"}
                ):
                    await asyncio.sleep(0.01)
