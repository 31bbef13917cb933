"""It is noted if a read model rebuilds itself from messages that are deleted by age."""

from datetime import timedelta
from typing import Any

import pytest

from remit import Context, DomainEvent, Events, IntegrationEvent, Projection, System
from remit.checks.rules import check
from remit.messages import Command
from remit.relations import CustomerSupplier


class Scored(IntegrationEvent, version=1, key="team"):
    team: str


class Joined(DomainEvent, key="team"):
    team: str


class Score(Command[None]):
    team: str


class Join(Command[None]):
    team: str


def noted(
    rebuild: Any, published: Any = None, own: Any = None, keep: timedelta | None = timedelta(days=30)
) -> list[str]:
    matches, rankings = Context("matches", keep=keep, archive=published), Context("rankings", archive=own)

    @matches.handle(Score)
    async def score(command: Score, events: Events[Scored]) -> None:
        events.publish(Scored(team=command.team))

    @rankings.handle(Join)
    async def join(command: Join, events: Events[Joined]) -> None:
        events.publish(Joined(team=command.team))

    @rankings.project(rebuild=rebuild)
    class Table(Projection[str, Scored | Joined]):
        goals: int = 0

        @staticmethod
        def key(event: Scored | Joined) -> str:
            return event.team

        def evolve(self, event: Scored | Joined) -> None:
            self.goals += 1

    relation = CustomerSupplier(supplier=matches, customer=rankings)
    found = check(System("league", contexts=[matches, rankings], relations=[relation])._map)
    assert list(found) == []
    return [each.what for each in found.notes if each.code == "projection.short-log"]


def test_a_log_that_another_context_deletes_by_age_is_noted() -> None:
    (what,) = noted("at-start")
    assert "the published messages of matches that it is made of are deleted after 30 days" in what


def test_so_are_own_messages_that_are_deleted_although_it_is_made_of_them() -> None:
    (what,) = noted("at-start", published=True, own=False)
    assert "the private messages of rankings" in what


@pytest.mark.parametrize(
    "how", [{"rebuild": None}, {"rebuild": "at-start", "published": True}, {"rebuild": "at-start", "keep": None}]
)
def test_what_an_operator_rebuilds_and_what_is_kept_is_not_noted(how: Any) -> None:
    assert noted(**how) == []
