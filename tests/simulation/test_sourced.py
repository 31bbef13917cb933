"""Generated programs with event-sourced aggregates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from remit.testing.simulation.programs import generate, run_program, scene_of, written
from remit.testing.simulation.programs.noted import Place
from remit.testing.simulation.programs.streams import folded
from tests.soak.programs import program_seed

SEEN = (17, 47)
"""Programs of generator seed 1 with event-sourced aggregates."""


class Log:
    """A log with these places in a stream, each of an event with one entry."""

    def __init__(self, *places: tuple[int, int]) -> None:
        self._places = places

    def rows(self, *_: Any) -> list[Any]:
        return [
            (
                "a.ThingGrew",
                json.dumps({"entry": f"e{seq}"}),
                json.dumps({"stream": "a.Thing/k", "life": life, "seq": seq}),
            )
            for life, seq in self._places
        ]


def head(*entries: str, events: int, life: int = 0) -> dict[str, Any]:
    return {"schema": "x", "events": events, "life": life, "state": {"entries": [*entries]}}


def test_some_programs_have_event_sourced_aggregates_and_most_have_none() -> None:
    sourced = [seed for seed in range(300) if any(each.sourced for each in generate(seed).kept)]
    assert 10 < len(sourced) < 40


@pytest.mark.parametrize("number", SEEN)
def test_nothing_is_wrong_with_programs_with_streams(number: int) -> None:
    seed = program_seed(1, number)
    found = run_program(generate(seed), scene_of(seed))
    assert "EventSourced[" in written(found.program, found.scene)
    assert found.report.verdicts == []
    assert found.report.orders


@pytest.mark.parametrize(
    ("log", "row", "judges"),
    [
        (Log((0, 1), (0, 2), (7, 1)), head("e1", "e2", events=2), []),
        (Log((0, 1), (7, 1)), head("e1", events=1, life=7), []),
        (Log((0, 1)), head("e1", "e2", events=2), ["lost", "false"]),
        (Log((0, 1), (0, 2)), head("e1", events=1), ["lost", "false"]),
        (Log((0, 1), (0, 1)), head("e1", "e1", events=2), ["lost"]),
        (Log((0, 1), (0, 2)), head("e2", "e1", events=2), ["false"]),
    ],
)
def test_a_head_that_its_stream_does_not_bear_out_is_found(log: Any, row: dict[str, Any], judges: list[str]) -> None:
    _, wrong = folded(log, Place("a.Thing", "k"), row)
    assert [each.judge for each in wrong] == judges


def test_fresh_answers_of_nothing_are_no_pages() -> None:
    seed = 2_000_156  # it has row models, and questions about aggregates that are not there
    assert run_program(generate(seed), scene_of(seed)).report.verdicts == []
