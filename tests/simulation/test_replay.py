"""A seed is the same run in every process, whatever order sets have there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from remit.testing.simulation.cluster import Choices
from remit.testing.simulation.cluster.loop import SimLoop

SHOW = """
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
print(*(run_scene(Scene(seed, apart=apart)).digest for seed in (9, 20) for apart in (False, True)))
"""


def test_processes_replay_a_seed_alike() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SHOW], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONHASHSEED": order},
        )
        for order in "01"
    ]  # fmt: skip
    one, other = (process.communicate()[0] for process in processes)
    assert one == other != ""


@pytest.mark.parametrize("run", range(3))
def test_a_task_group_cancels_its_tasks_in_the_same_order_in_every_run(run: int) -> None:
    """It keeps them in a set, and those of the standard library are in the order of their addresses there."""
    assert aborted(unlike=run) == aborted(unlike=0)


def aborted(unlike: int) -> list[int]:
    """The order in which the tasks of a group end when one of them fails. Memory is taken `unlike` other runs."""
    ended: list[int] = []
    spoiled = [[object() for _ in range(unlike)] for _ in range(5)]

    async def wait(number: int) -> None:
        try:
            spoiled.append([object() for _ in range(unlike * number)])
            await asyncio.sleep(1.0)
        finally:
            ended.append(number)

    async def fail() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(20):
                group.create_task(wait(number))
            await asyncio.sleep(0.5)
            raise ValueError

    loop = SimLoop(Choices(0, only=()), lambda _: False)
    try:
        with pytest.raises(ExceptionGroup):
            loop.run_until_complete(fail())
    finally:
        loop.bury()
    return ended
