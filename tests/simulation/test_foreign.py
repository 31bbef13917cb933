"""Generated programs with foreign sources, and with the component `acl` in processes of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import islice
from random import Random
from typing import Any

import pytest

from remit.contexts import AntiCorruptionLayer
from remit.testing.simulation.cluster import Choices
from remit.testing.simulation.cluster.placements import apart
from remit.testing.simulation.programs import (
    Found,
    Program,
    Tape,
    generate,
    load,
    run_program,
    scene_of,
    shrink_program,
    written,
)
from remit.testing.simulation.programs.drills import drilled
from remit.testing.simulation.programs.people import layers_of
from remit.testing.simulation.programs.senders import FOREIGN
from remit.testing.simulation.programs.tidying import tidied
from remit.testing.simulation.scene import Scene
from tests.simulation.planted_foreign import remember_no_keys

nothing: Any = None


@cache
def programs() -> Sequence[Program]:
    return [drilled(Random(seed), FOREIGN) for seed in range(60)]


@cache
def layered() -> Sequence[int]:
    """Seeds of programs whose layers have reactions."""
    seeds = (seed for seed in range(1, 400, 2) if generate(seed).layered and not generate(seed).sources)
    return [*islice((seed for seed in seeds if layers_of(system_of(seed))), 2)]


def system_of(seed: int) -> Any:
    return load(written(generate(seed), scene_of(seed))).system(Tape(nothing, nothing))


def test_sources_are_of_every_kind_and_send_again_and_out_of_sequence() -> None:
    sources = [source for program in programs() for source in program.sources]
    posted = [each for source in sources for each in source.posted]
    assert {each.polled for each in sources} == {each.entity for each in sources} == {True, False}
    assert {each.order for each in sources} == {"", "version", "at"}
    assert {len(each.commands) for each in sources} == {1, 2}
    assert {each.how for each in posted} == {"", "fails", "nothing"}
    assert {len(each.at) for each in posted} == {1, 2, 3}
    versions = [[each.version for each in source.posted] for source in sources if source.order]
    assert any(each != sorted(each) for each in versions)


@pytest.mark.parametrize("scene", [Scene(6), Scene(1, apart=True), Scene(2), Scene(3, apart=True, far=True)])
def test_nothing_is_wrong_with_programs_that_take_in_foreign_messages(scene: Scene) -> None:
    found = [run_program(drilled(Random(number), FOREIGN), scene) for number in (1, 2)]
    assert [each.report.verdicts for each in found] == [[], []]
    assert sum(each.report.crashes for each in found)


@pytest.mark.parametrize("seed", layered())
def test_nothing_is_wrong_with_programs_whose_layers_have_modules(seed: int) -> None:
    system = system_of(seed)
    assert any(isinstance(each, AntiCorruptionLayer) and each.module for each in system.relations)
    assert run_program(generate(seed), scene_of(seed)).report.verdicts == []


def test_the_component_acl_has_processes_of_its_own_in_some_placements() -> None:
    drawn = Counter[tuple[str, ...]]()
    for seed in range(20):
        for spot in apart(Choices(seed), ("a", "b"), ("a",)).spots:
            drawn[("write", "read", "acl") if spot.runs is None else spot.runs[spot.contexts[0]]] += 1
    assert drawn.keys() == {("write", "read", "acl"), ("write", "read"), ("acl",)}


def test_a_program_with_a_source_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    remember_no_keys(monkeypatch)
    runs = (run_program(program, Scene(number)) for number, program in enumerate(programs()))
    found = next(each for each in runs if each.judges)
    smaller = shrink_program(found, tries=8)
    assert _sends(smaller) < _sends(found)
    assert smaller.program.sources


def _sends(found: Found) -> int:
    return sum(len(each.posted) for each in found.program.sources)


def test_a_source_whose_commands_are_gone_is_taken_away() -> None:
    fewer = replace(programs()[0], commands=(), handlers=())
    assert tidied(fewer).sources == ()
