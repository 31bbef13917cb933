"""What `remit impact` predicts is what happens: each context of the examples is taken away and slowed down in turn."""

from __future__ import annotations

import pytest

from remit.advisor.impact import impact_of
from remit.advisor.outages import How, context_outage
from remit.advisor.points import Interactions
from remit.advisor.reading import interactions_of
from tests.advisor.disturbed import Play, observed
from tests.advisor.plays import HOTEL, LEARNING

CASES = [(LEARNING, name) for name in LEARNING.system.names] + [(HOTEL, name) for name in HOTEL.system.names]


def read(play: Play) -> Interactions:
    return interactions_of(play.system.hosting().model())


@pytest.mark.parametrize("how", ["down", "slow"])
@pytest.mark.parametrize(("play", "context"), CASES, ids=[name for _, name in CASES])
def test_what_an_outage_of_a_context_does_to_the_others_is_what_was_predicted(
    play: Play, context: str, how: How
) -> None:
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
    assert seen.not_fresh & others == {each.name for each in told.not_fresh} & others
