"""Generated systems have relations that cover what they use: nothing is refused, and with one entry less it is."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from remit.checks import check
from remit.contexts import ContextMap, Relation
from remit.contexts.coverage import is_named
from remit.contexts.integrations import Integration, integrations_of
from remit.contexts.model import derive
from remit.runtime.work.reach import reaches_of
from remit.testing.simulation.programs import Tape, generate, load, run_program, scene_of, written

nothing: Any = None
SEEDS = range(40)


@cache
def systems() -> list[ContextMap]:
    """Systems of generated programs, with relations."""
    made: list[ContextMap] = []
    for seed in SEEDS:
        program = replace(generate(seed), related=seed + 1)
        releases = (1, 2) if program.rollout else ()
        module = load(written(program, scene_of(seed)))
        made += [module.system(Tape(nothing, nothing), each) for each in releases]
        made += [] if releases else [module.system(Tape(nothing, nothing))]
    return [each for each in made if each.relations]


def codes(system: ContextMap) -> list[str]:
    return [each.code for each in check(system) if each.code.startswith("relation.")]


def without(system: ContextMap, relation: Relation, **changed: Any) -> ContextMap:
    """The system with one relation changed. It stands in the system then, wherever it stood."""
    other = replace(relation, **changed)
    for context in system.contexts:
        context.relations = tuple(each for each in context.relations if each is not relation)
    return replace(system, stated=(*(each for each in system.stated if each is not relation), other))


def test_generated_relations_are_legal_and_cover_what_is_used() -> None:
    kinds = {type(each).__name__ for system in systems() for each in system.relations}
    assert len(kinds) >= 4, kinds
    assert [found for system in systems() for found in codes(system)] == []
    notes = [note for system in systems() for note in check(system).notes if note.code == "relation.unused"]
    assert notes == [], "each list names what is used, and nothing else"


def test_a_use_that_is_taken_off_a_list_is_found_and_refused_at_run_time() -> None:
    tried = 0
    for system in systems():
        stated = {context.name: context.relations for context in system.contexts}
        for relation, name in [(each, name) for each in system.relations for name in ("uses", "exposes")]:
            for entry in getattr(relation, name, None) or ():
                fewer = tuple(each for each in getattr(relation, name) if each is not entry)
                lacking = without(system, relation, **{name: fewer})
                missed = [each for each in integrations_of(derive(system)) if is_named(each.message, each.owner, entry)]
                assert codes(lacking), (entry, relation)
                assert any(map(is_refused_in(lacking), missed)), (entry, relation)
                tried += 1
                for context in system.contexts:
                    context.relations = stated[context.name]
    assert tried > len(SEEDS) / 3


def is_refused_in(system: ContextMap) -> Any:
    """Whether the process refuses a use, if it is a call."""
    reaches = reaches_of(derive(system), system.names)

    def is_refused(used: Integration) -> bool:
        return used.message not in reaches[used.consumer].covered

    return is_refused


RUN = [seed for seed in range(100) if generate(seed).related][:4]


@pytest.mark.parametrize("seed", RUN)
def test_nothing_is_wrong_with_programs_that_have_relations(seed: int) -> None:
    found = run_program(generate(seed), scene_of(seed))
    assert "related(" in found.text
    assert found.report.verdicts == []
