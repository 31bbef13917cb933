"""Programs that nobody has written: what they are, that all is well with them, and what becomes of one that fails."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from remit.testing.simulation import run_scene
from remit.testing.simulation.programs import Found, generate, load, run_program, scene_of, shrink_program, written
from remit.testing.simulation.programs.drills import DRILLS, FURTHER_DRILLS, QUESTIONS, Drill, drilled
from remit.testing.simulation.programs.grammar import Add, Change, Gather, Put, Refuse, Send, Take, inner
from remit.testing.simulation.programs.kit import BEGINNINGS, KIT
from remit.testing.simulation.programs.news import PLACES, SHAPED
from remit.testing.simulation.programs.oddities import ODDITIES
from remit.testing.simulation.programs.scarce import SCARCE
from remit.testing.simulation.programs.seldom import SELDOM
from remit.testing.simulation.programs.tidying import tidied
from remit.testing.simulation.scene import Scene
from tests.simulation.planted import checkpoint_apart, in_two_transactions

PROGRAMS = 7


def test_nothing_is_wrong_with_programs_from_a_seed() -> None:
    found = [run_program(generate(seed), scene_of(seed)) for seed in range(PROGRAMS)]
    assert {each.scene.seed: each.report.verdicts for each in found if each.report.verdicts} == {}
    assert sum(each.report.crashes for each in found) > PROGRAMS
    assert sum(each.report.orders for each in found) > PROGRAMS


def test_what_came_together_with_something_that_was_never_written_is_missed_by_nobody() -> None:
    seed = 1_000_000_212  # a handler that is over its deadline each time, with a reaction that sends for later
    assert run_program(generate(seed), scene_of(seed)).report.verdicts == []


def test_a_replica_that_still_waits_before_it_looks_again_is_not_stuck() -> None:
    seed = 6_000_612  # what has failed in one process with what passes by itself, and was done by another meanwhile
    assert run_program(generate(seed), scene_of(seed)).report.verdicts == []


def test_a_call_that_is_repeated_until_it_succeeds_has_time_enough() -> None:
    seed = 26_001_777  # a command sent for later gave 0.1 s to a call that takes 3 s
    assert run_program(generate(seed), scene_of(seed)).report.verdicts == []


def test_a_seed_is_the_same_program_and_the_same_run() -> None:
    assert generate(5) == generate(5) != generate(6)
    one, other = (run_program(generate(5), scene_of(5)).report for _ in range(2))
    assert one.digest == other.digest


def test_programs_hold_every_kind_of_statement_and_of_handler() -> None:
    programs = [generate(seed) for seed in range(700)]
    statements = [each for program in programs for handler in program.handlers for each in inner(handler.body)]
    assert {type(each).__name__ for each in statements} == {
        "Add", "Look", "Change", "Send", "Later", "Gather", "Wait", "Branch", "Refuse", "Fail", "Swallow",
        "Insert", "Select", "Take", "Put", "Publish",
    }  # fmt: skip
    assert {each.catch for each in statements if isinstance(each, Send)} == {"", "refusal", "all"}
    assert {each.returned for each in statements if isinstance(each, Refuse)} == {True, False}
    assert {each.how for each in statements if isinstance(each, Gather)} == {"gather", "group", "returned"}
    assert {handler.role for program in programs for handler in program.handlers} == {"command", "reaction", "together"}
    rollouts = [program.rollout for program in programs if program.rollout]
    assert {len(each.at) for each in rollouts} == {1, 2, 3}
    assert {len(each.contexts) for each in rollouts} >= {1, 2, 3}
    kept = [each for program in programs if program.rollout for each in program.kept]
    assert {each.news for each in kept} == {"", *PLACES, *SHAPED}
    assert {each.since for each in kept} == {1, 2}
    assert {each.since for program in programs for each in program.handlers} == {1, 2}
    events = [each for program in programs for each in program.events]
    assert all({getattr(each, name) for each in events} == {True, False} for name in ("news", "newer", "rekeyed"))
    assert {len(program.contexts) for program in programs} == {1, 2, 3, 4}
    handlers = [each for program in programs for each in program.handlers]
    assert {len(each.messages) for each in handlers} >= {1, 2, 4}
    assert {each.style for each in handlers} == {"", "policy", "base"}
    assert {each.begins for each in handlers} == {each.enveloped for each in handlers} == {True, False}
    assert {each.how for each in statements if isinstance(each, Take)} == {"take", "give up", "find"}
    assert {each.how for each in statements if isinstance(each, Put)} == {"put", "first", "delete", "page"}
    assert {each.absent for each in statements if isinstance(each, Add)} == {True, False}
    assert {each.remove for each in statements if isinstance(each, Change)} == {True, False}
    guards = [each for program in programs for each in program.guards]
    assert {each.how for each in guards} == {"", "answers", "raises", "spoils", "hides"}
    assert {each.same for each in events} == {each.shaped for each in events} == {True, False}
    assert {bool(program.idle) for program in programs} == {program.headers for program in programs} == {True, False}


@pytest.mark.parametrize(
    "drill",
    dict.fromkeys((*DRILLS, *QUESTIONS, *FURTHER_DRILLS, *ODDITIES, *SELDOM, *KIT, *BEGINNINGS, *SCARCE)),
)
def test_each_drill_is_a_program_that_is_well(drill: type[Drill]) -> None:
    made = drill(Random(1), "ab", 0).made()
    program = tidied(replace(made, contexts=("a", "b")))
    found = run_program(program, scene_of(1))
    assert found.report.verdicts == []
    assert found.report.orders


def test_programs_are_called_through_processes_that_run_no_context() -> None:
    scenes = [scene_of(seed) for seed in range(32)]
    assert {(each.apart, each.edges) for each in scenes} == {(True, True), (True, False), (False, False)}
    scene = next(each for each in scenes if each.edges)
    assert "--edges" in scene.command()
    found = run_program(generate(scene.seed), scene)
    assert found.report.verdicts == []
    assert found.report.digest != run_program(found.program, replace(scene, edges=False)).report.digest


@pytest.mark.parametrize("seed", [4, 9, 11])
def test_fresh_answers_lack_nothing_where_a_broker_alone_brings_messages(seed: int) -> None:
    found = run_program(drilled(Random(seed), QUESTIONS), Scene(seed, pull=False, apart=seed % 2 == 1))
    assert found.report.verdicts == []
    assert found.report.orders


def test_what_is_printed_is_what_runs() -> None:
    program, scene = generate(11), scene_of(11)
    report = run_scene(load(written(program, scene)).SCENE)
    assert report.digest == run_program(program, scene).report.digest


@pytest.fixture(scope="module")
def smaller() -> Found:
    """The smallest program found that shows a checkpoint which moves in a second transaction."""
    with pytest.MonkeyPatch.context() as patch:
        in_two_transactions(checkpoint_apart)(patch)
        found = next(each for seed in range(2, 100) if (each := run_program(generate(seed), scene_of(seed))).judges)
        smaller = shrink_program(found, tries=40)
        assert smaller.program.size() < found.program.size() * 2 / 3
        return smaller


def test_a_program_that_fails_is_made_smaller(smaller: Found) -> None:
    assert smaller.judges
    assert len(smaller.program.handlers) < 6
    assert len(smaller.text.splitlines()) < 160


@pytest.mark.parametrize("planted", [True, False])
def test_a_printed_program_fails_in_the_same_way_as_a_test(smaller: Found, planted: bool, tmp_path: Path) -> None:
    """And does not fail once the bug is mended."""
    file = tmp_path / "test_printed.py"
    plant = "in_two_transactions(checkpoint_apart)(__import__('pytest').MonkeyPatch())\n" if planted else ""
    bug = "from tests.simulation.planted import checkpoint_apart, in_two_transactions\n"
    file.write_text(smaller.text + "\n\n" + bug + plant)
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        str(file),
        "--rootdir",
        str(tmp_path),
    ]
    ran = subprocess.run(
        command, env=os.environ | {"PYTHONPATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == (1 if planted else 0), ran.stdout + ran.stderr
    if planted:
        assert smaller.report.verdicts[0].what[:60] in ran.stdout.replace("\n", "")


def test_what_only_a_second_release_has_is_taken_away_with_it() -> None:
    seeds = (seed for seed in range(300) if (made := generate(seed)).rollout and made != replace(made, rollout=None))
    for seed in (next(seeds), next(seeds), next(seeds)):
        single = tidied(replace(generate(seed), rollout=None))
        assert not any(each.news or each.since > 1 for each in single.kept)
        assert "release" not in written(single, scene_of(seed))
        assert run_program(single, scene_of(seed)).report.verdicts == []


def test_shrinking_needs_something_that_fails_smaller() -> None:
    found = run_program(generate(3), scene_of(3))
    assert shrink_program(found, tries=0) is found
