"""Generated programs as real processes, several of them side by side: most of the time they wait."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from remit.testing.simulation.programs import generate
from tests.programs.lives import Mould, mould
from tests.programs.places import Kind
from tests.programs.play import Played, play
from tests.servers.postgres import given_or_started
from tests.soak.programs import program_seed

__all__ = ["AT_ONCE", "REAL_BATCH", "line_of", "play_programs", "real_seeds"]

AT_ONCE = 2 * (os.cpu_count() or 1)
"""Programs that are played at the same time."""
REAL_BATCH = 10
"""Programs for which there is one line in the log."""


def play_programs(
    kind: Kind, seeds: Sequence[int], log: Path, progress: Callable[[int], None]
) -> tuple[list[Played], float]:
    """What came of each, and the seconds of processor time of all processes. Each batch has a line in `log`; what a
    failing program leaves behind stays where `Played.folder` says."""
    # What is said of processes that are away is no news here.
    logging.getLogger("remit").addHandler(logging.NullHandler())
    before = _processor_seconds()
    with given_or_started() if kind == "postgres" else nullcontext("") as server:
        played = asyncio.run(_play_all(kind, seeds, server, log, progress))
    return played, _processor_seconds() - before


def real_seeds(count: int, seed: int) -> list[int]:
    """The seeds of so many programs of a generator seed."""
    return [program_seed(seed, number) for number in range(count)]


async def _play_all(
    kind: Kind, seeds: Sequence[int], server: str, log: Path, progress: Callable[[int], None]
) -> list[Played]:
    played: list[Played] = []
    async with mould() as made:
        async for each in _several(made, kind, seeds, server):
            played.append(each)
            progress(len(played))
            if len(played) % REAL_BATCH == 0 or len(played) == len(seeds):
                first = (len(played) - 1) // REAL_BATCH * REAL_BATCH
                with log.open("a") as lines:
                    lines.write(line_of(kind, played[first:]) + "\n")
                    lines.writelines(
                        f"  {one.seed}: {one.verdicts[0].what}\n" for one in played[first:] if one.verdicts
                    )
    return played


def line_of(kind: Kind, played: Sequence[Played]) -> str:
    """Of a batch, for a log."""
    return (
        f"{kind} {min(each.seed for each in played)} +{len(played)}: {sum(each.kills for each in played)} kills, "
        f"{sum(each.pauses for each in played)} pauses, {sum(each.failures for each in played)} failures, "
        f"{sum(each.switches for each in played)} switches, "
        f"{sum(each.runs for each in played)} runs, {sum(each.cut for each in played)} cut off, "
        f"{sum(each.answers for each in played)} answers, {max(each.late for each in played):.2f} s late, "
        f"{sum(bool(each.verdicts) for each in played)} failed"
    )


async def _several(made: Mould, kind: Kind, seeds: Sequence[int], server: str) -> AsyncGenerator[Played]:
    """So many at once, each as it comes to its end."""
    waiting = iter(seeds)
    going: set[asyncio.Task[Played]] = set()
    while True:
        while len(going) < AT_ONCE and (seed := next(waiting, None)) is not None:
            going.add(asyncio.create_task(_one(made, kind, seed, server)))
        if not going:
            return
        done, going = await asyncio.wait(going, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            yield each.result()


async def _one(made: Mould, kind: Kind, seed: int, server: str) -> Played:
    folder = Path(tempfile.mkdtemp(prefix=f"remit-program-{kind}-{seed}-"))
    played = await play(made, generate(seed), kind, seed, server, folder)
    if not played.verdicts:
        shutil.rmtree(folder)
    return played


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)
