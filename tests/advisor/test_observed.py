"""What `remit impact` predicts is what happens: each context of the examples is taken away and slowed down in turn."""

from __future__ import annotations

from functools import cache

import pytest

from remit import System
from remit.advisor.impact import impact_of
from remit.advisor.outages import How, context_outage
from remit.advisor.points import Interactions
from remit.advisor.reading import interactions_of
from tests.advisor.disturbed import observed, prepared, slowed
from tests.advisor.plays import BAZAAR, BILLING_BY_EVENT, CERTIFICATION_BY_CALL, HOTEL, LEARNING, WEBSHOP

PLAYS = {
    "learning": LEARNING,
    "billing by event": BILLING_BY_EVENT,
    "certification by call": CERTIFICATION_BY_CALL,
    "hotel": HOTEL,
    "webshop": WEBSHOP,
    "bazaar": BAZAAR,
}
CASES = [(name, context) for name, play in PLAYS.items() for context in play.system.names]


@cache
def read(system: System) -> Interactions:
    return interactions_of(prepared(system)[0])


@pytest.mark.parametrize("how", ["down", "slow"])
@pytest.mark.parametrize(("named", "context"), CASES)
def test_what_an_outage_of_a_context_does_to_the_others_is_what_was_predicted(
    named: str, context: str, how: How
) -> None:
    play = PLAYS[named]
    interactions = read(play.system)
    told = impact_of(interactions, context_outage(interactions, context, how))
    seen = observed(play, context, how)
    others = {each.name for each in interactions.points if each.context != context and each.kind != "route"}
    called = {name for name in seen.calls if name in others}
    ends_badly = told.fails if how == "down" else told.degrades
    assert called == {each.name for each in interactions.points if each.kind in ("command", "query")} & others
    assert seen.failed & others == {each.name for each in ends_badly} & others
    if how == "down":
        assert seen.degraded & others == {each.name for each in told.degrades if each.is_called} & others
    assert seen.behind & others == {each.name for each in told.waits} & others
    assert {each for each in seen.changed if not each.startswith(f"{context}.")} == {each.name for each in told.models}
    assert seen.stale & others == {each.name for each in told.stale} & others
    steps = {each.__name__ for each in play.steps}
    goes_on = {each.name for each in told.goes_on if each.name.partition(".")[2] not in steps}
    assert {each for each in seen.gone_on & others if each.partition(".")[2] not in steps} == goes_on
    assert seen.not_fresh & others == {each.name for each in told.not_fresh} & others


@pytest.mark.parametrize(("named", "context"), CASES)
def test_calls_are_as_slow_as_a_slow_context_where_that_was_predicted(named: str, context: str) -> None:
    play = PLAYS[named]
    interactions = read(play.system)
    told = impact_of(interactions, context_outage(interactions, context, "slow"))
    assert slowed(play, context) == {each.name for each in told.degrades if each.kind in ("command", "query")}
