"""Something happens at exactly one point where a task waits. `scripts/soak points` goes through all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from remit.testing.simulation.cluster.points import Kind
from remit.testing.simulation.everywhere import KINDS, quiet, strikes
from remit.testing.simulation.run import run_scene
from remit.testing.simulation.scene import Scene
from tests.simulation.planted import Plant, checkpoint_apart, claim_apart, in_two_transactions

SAMPLE = 74
"""One of so many points, with each kind among them. `scripts/soak --ci` goes through one of four."""


@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_whatever_happens_at_a_point_nothing_is_lost_doubled_or_stuck(*, apart: bool) -> None:
    sample = list(islice(strikes(quiet(0, apart=apart)), 0, None, SAMPLE))
    assert {scene.strike.kind for _, scene in sample if scene.strike is not None} == {*KINDS}
    assert {where: verdicts for where, scene in sample if (verdicts := run_scene(scene).verdicts)} == {}


def test_the_run_is_the_same_up_to_the_point_at_which_something_happens() -> None:
    places = run_scene(quiet(0)).points.places
    for _, scene in islice(strikes(quiet(0)), 0, None, 200):
        assert scene.strike is not None
        upto = scene.strike.point + 1
        assert run_scene(scene).points.places[:upto] == places[:upto]


def test_what_happens_at_another_place_than_the_one_looked_at_is_not_taken_for_it() -> None:
    _, scene = next(strikes(quiet(0)))
    assert scene.strike is not None
    elsewhere = replace(scene, strike=replace(scene.strike, place=("elsewhere.py:wait:1",)))
    assert [each.judge for each in run_scene(elsewhere).verdicts] == ["misled"]


@pytest.mark.parametrize(
    ("plant", "where", "kind"),
    [
        (in_two_transactions(checkpoint_apart), "runtime/following/handling.py:_commit", "crash"),
        (in_two_transactions(claim_apart), "runtime/calling/applying.py", "cancel"),
    ],
    ids=["the checkpoint is moved in another transaction", "the key is taken in another transaction"],
)
def test_what_is_not_one_transaction_is_found(
    plant: Plant, where: str, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No chance is needed for it, but a scene in which such a point belongs to what a second run would double."""
    plant(monkeypatch)
    assert any(verdict.judge == "doubled" for scene in at(where, kind) for verdict in run_scene(scene).verdicts)


def at(where: str, kind: Kind) -> Iterator[Scene]:
    """What happens while a task waits for something that this function has begun."""
    assert kind in KINDS
    return (scene for told, scene in strikes(quiet(2), [kind]) if where in told)
