"""What `remit impact` predicts is what happens: each context of the examples is taken away and slowed down in turn."""

from __future__ import annotations

import pytest

from remit.advisor.impact import impact_of
from remit.advisor.outages import How, context_outage
from remit.advisor.points import Interactions
from remit.advisor.reading import interactions_of
from tests.advisor.disturbed import Play, observed
from tests.advisor.plays import BILLING_BY_EVENT, CERTIFICATION_BY_CALL, HOTEL, LEARNING

PLAYS = {
    "learning": LEARNING,
    "billing by event": BILLING_BY_EVENT,
    "certification by call": CERTIFICATION_BY_CALL,
    "hotel": HOTEL,
}
CASES = [(name, context) for name, play in PLAYS.items() for context in play.system.names]


def read(play: Play) -> Interactions:
    return interactions_of(play.system.hosting().model())


@pytest.mark.parametrize("how", ["down", "slow"])
@pytest.mark.parametrize(("named", "context"), CASES)
def test_what_an_outage_of_a_context_does_to_the_others_is_what_was_predicted(
    named: str, context: str, how: How
) -> None:
    play = PLAYS[named]
    interactions = read(play)
    told = impact_of(interactions, context_outage(interactions, context, how))
    seen = observed(play, context, how)
    others = {each.name for each in interactions.points if each.context != context and each.kind != "route"}
    called = {name for name in seen.calls if name in others}
    ends_badly = told.fails if how == "down" else told.degrades
    assert called == {each.name for each in interactions.points if each.kind in ("command", "query")} & others
    assert seen.failed & others == {each.name for each in ends_badly} & others
    assert seen.behind & others == {each.name for each in told.waits} & others
    assert {each for each in seen.changed if not each.startswith(f"{context}.")} == {each.name for each in told.models}
    assert seen.stale & others == {each.name for each in told.stale} & others
    steps = {each.__name__ for each in play.steps}
    goes_on = {each.name for each in told.goes_on if each.name.partition(".")[2] not in steps}
    assert {each for each in seen.gone_on & others if each.partition(".")[2] not in steps} == goes_on
    assert seen.not_fresh & others == {each.name for each in told.not_fresh} & others
