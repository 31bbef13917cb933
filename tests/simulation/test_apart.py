"""The shop in processes of its own, two of each part, over a network that loses, doubles, delays and forges.

Each layer that guards it is taken away in turn: then the judges must find what it had kept away.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import pytest

from remit.runtime.remote import calls as remote
from remit.runtime.remote import feeds as remote_feed
from remit.runtime.upkeep import leases
from remit.testing.simulation import simulate
from remit.testing.simulation.cluster import placements
from remit.testing.simulation.cluster.network import Network
from remit.transports import CallRequest, Push
from tests.simulation.planted import (
    beginning_with,
    forget_that_keys_are_used,
    handle_whatever_is_pushed,
    move_checkpoints_blindly,
    skip_gaps,
)

SEEDS = (1, 2, 4, 5, 7)
"""Few in which everything happens to the network. `scripts/soak simulation` runs many."""
TRIES = 40
"""Seeds after which a missing layer has to be found."""

NETWORK = {
    "answer lost", "broker wiped", "call refused", "confirm lost", "first forged", "listen refused", "prepare refused",
    "publish cut short", "publish refused", "push doubled", "push forged", "push lost", "push much later",
    "request again", "request late", "request lost",
}  # fmt: skip

Plant = Callable[[pytest.MonkeyPatch], None]


def test_nothing_is_lost_doubled_reordered_or_stuck() -> None:
    reports = [simulate(seed, apart=True) for seed in SEEDS]
    assert {report.scene: report.verdicts for report in reports if report.verdicts} == {}
    assert {fault for report in reports for fault in report.faults()} >= NETWORK
    assert sum(report.crashes for report in reports) > len(SEEDS)
    assert sum(report.orders for report in reports) > 10 * len(SEEDS)


def test_processes_whose_clocks_are_a_day_apart_do_not_try_a_parked_key_in_turns() -> None:
    """They did so in this seed, until its next try was hours away."""
    assert simulate(1009, apart=True).verdicts == []


def test_without_pulling_a_broker_that_keeps_messages_brings_them_all() -> None:
    assert [verdict for seed in range(2) for verdict in simulate(seed, apart=True, pull=False).verdicts] == []


def test_what_a_broker_that_keeps_nothing_loses_is_lost_without_pulling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "_keep", never)
    accused: set[str] = set()
    for seed in range(3):
        accused |= {verdict.judge for verdict in simulate(seed, apart=True, pull=False).verdicts}
        if accused >= {"lost", "stuck"}:
            return
    pytest.fail(f"three seeds accuse {sorted(accused) or 'nothing'}")


def test_the_same_seed_is_the_same_run() -> None:
    first, second = simulate(1, apart=True), simulate(1, apart=True)
    assert (first.digest, first.steps, first.seconds) == (second.digest, second.steps, second.seconds)


def never(*_: object) -> bool:
    return False


def handle_whatever_arrives(patch: pytest.MonkeyPatch) -> None:
    """Neither the broker nor the subscription minds what was there before."""
    patch.setattr(Network, "is_known", never)
    handle_whatever_is_pushed(patch)


def new_key_for_each_attempt(patch: pytest.MonkeyPatch) -> None:
    turn = count()
    ask = remote._Target.ask

    async def with_another(self: Any, request: CallRequest, *others: Any) -> Any:
        headers = {**request.headers, "remit-key": f"{request.headers.get('remit-key')}.{next(turn)}"}
        return await ask(self, request._replace(headers=headers), *others)

    patch.setattr(remote._Target, "ask", with_another)


def take_the_first_one_as_it_comes(patch: pytest.MonkeyPatch) -> None:
    def whatever(push: Push | None) -> Push | None:
        return push

    patch.setattr(remote_feed, "_known", whatever)


def trust_the_ends_of_leases(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(leases, "STILL_SECONDS", 1e9)
    patch.setattr(placements, "SKEWS", (0.0, 86_400.0))


def test_what_a_broker_without_a_fence_takes_twice_is_handled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Network, "is_known", never)
    assert [verdict for seed in range(2) for verdict in simulate(seed, apart=True).verdicts] == []


class Layer(NamedTuple):
    """A layer that guards, how it is taken away, and which judges may accuse what is left."""

    name: str
    remove: Plant
    judges: set[str]
    seed: int = 0
    """The one that found it last."""


LAYERS = [
    Layer("checkpoints are compared before they move", move_checkpoints_blindly, {"doubled"}, seed=8),
    Layer("a message names the one before", skip_gaps, {"lost"}, seed=1),
    Layer("the first of a partition is read", take_the_first_one_as_it_comes, {"lost", "false"}, seed=1),
    Layer("what was published or handled is known", handle_whatever_arrives, {"doubled"}, seed=1),
    Layer("an attempt has the key of the one before", new_key_for_each_attempt, {"doubled"}, seed=1),
    Layer("a key that is used is known", forget_that_keys_are_used, {"doubled"}),
    Layer("a lease that is not renewed is over", trust_the_ends_of_leases, {"stuck"}, seed=12),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_without_one_layer_the_judges_find_it(layer: Layer, monkeypatch: pytest.MonkeyPatch) -> None:
    layer.remove(monkeypatch)
    accused: set[str] = set()
    for seed in beginning_with(layer.seed, range(TRIES)):
        accused |= {verdict.judge for verdict in simulate(seed, apart=True).verdicts}
        if accused & layer.judges:
            return
    pytest.fail(f"{TRIES} seeds accuse {sorted(accused) or 'nothing'}; one of {sorted(layer.judges)} should be")
