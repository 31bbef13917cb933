"""Generated programs as real processes, killed at random, on the stores and channels that people use.

`scripts/soak programs --real` plays as many as one likes.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from remit.testing.simulation.programs import generate
from tests.programs.lives import mould
from tests.programs.places import KINDS, Kind
from tests.programs.play import play

pytestmark = pytest.mark.timeout(400)  # processes share their machine with others

WITH_ROWS = 9_000_018
"""A program whose handlers write rows of their own, where a store takes their statements."""
WITH_SOURCES = 241
"""A program with a webhook and a polled API. On SQLite its component `acl` is a service of its own, and its services
prove their names."""
REBUILT = 1_000_000_051
"""A program of which two row models are rebuilt; from one of them it goes back."""
TRIES = 6
"""Runs in which a planted bug must be found: what happens when is decided by the machine."""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_program_keeps_its_promises_as_processes_that_are_killed(
    kind: Kind, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Drills with many calls and events; their handlers are in one service of some topologies, and in two of others."""
    server: str = request.getfixturevalue("server") if kind == "postgres" else ""
    seeds = {"sqlite": (4, 7, WITH_SOURCES), "postgres": (REBUILT, 12, WITH_ROWS), "nats": (7, 12)}[kind]
    async with mould() as made:
        played = await asyncio.gather(
            *(play(made, generate(seed), kind, seed, server, _new(tmp_path / f"{seed}")) for seed in seeds)
        )
    assert [each.told() for each in played if each.verdicts] == []
    assert sum(each.kills for each in played) >= len(seeds)
    assert sum(each.runs for each in played) >= 2 * len(seeds)
    assert sum(each.answers for each in played) >= 1
    assert sum(each.switches for each in played) >= 2 * (REBUILT in seeds)


@pytest.mark.parametrize(
    ("plant", "seed", "judges"),
    [("checkpoint_apart", 4, {"doubled"}), ("claim_apart", 12, {"doubled"}),
     ("acknowledged_too_early", 12, {"lost", "false"})],
)  # fmt: skip
async def test_a_planted_bug_is_found_by_processes_that_are_killed(
    plant: str, seed: int, judges: set[str], tmp_path: Path
) -> None:
    bug = f"tests.programs.planted:{plant}"
    async with mould() as made:
        for turn in range(TRIES):
            folder = _new(tmp_path / f"{turn}")
            played = await play(made, generate(seed), "sqlite", seed, "", folder, frail=0.1, plant=bug)
            if judges & {each.judge for each in played.verdicts}:
                return
    pytest.fail(f"{TRIES} runs of program {seed} find nothing")


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
