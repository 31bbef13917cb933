"""What `remit impact` predicts for a service is what its clients see when its processes are killed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError

import pytest

from learning.driver import come_to_rest
from learning.process import TOPOLOGIES
from learning.system import platform
from remit import System
from remit.advisor.impact import Impact, impact_of
from remit.advisor.outages import service_outage
from remit.advisor.placed import unseen_by
from remit.advisor.reading import interactions_of
from remit.hosting.services import models_of
from remit.topology.file import read_topology
from remit.topology.placement import place
from remit.topology.shapes import shapes_of
from tests.acl import payments
from tests.acl.apart import Shop, post
from tests.acl.payments import body_of
from tests.cli.program import DEADLINE
from tests.placements.deployment import running
from tests.placements.student import Ada, until

pytestmark = pytest.mark.timeout(120)

AWAY = 0
"""Stands for the status where nobody answers."""


class Seen(NamedTuple):
    status: int
    body: Any

    @property
    def has_failed(self) -> bool:
        return self.status in (AWAY, 503, 504)


class Student(Ada):
    """Does the same in each outage."""

    def see(self, method: str, path: str, body: Any = None) -> Seen:
        try:
            answer = self.ask(method, path, body, deadline=1.0)
        except (URLError, ConnectionError):
            return Seen(AWAY, None)
        return Seen(answer.status, answer.body)

    def enrolls_in(self, enrollment: str, course: str, student: str = "ada") -> Seen:
        return self.see("POST", f"/students/{student}/enrollments", {"enrollment": enrollment, "course": course})

    def scores(self, enrollment: str, module: str) -> Seen:
        return self.see("POST", f"/enrollments/{enrollment}/modules/{module}", {"score": 90})

    def prepares(self) -> None:
        """Three places, and a first score."""
        for enrollment, course in (("e-1", "event-storming"), ("e-3", "domain-modelling")):
            assert self.enrolls_in(enrollment, course).status == 201
        assert self.enrolls_in("e-cleo", "context-mapping", "cleo").status == 201
        come_to_rest(self.directory)
        assert self.scores("e-1", "big-picture").status == 200

    def everything(self, enrollment: str, module: str) -> dict[str, Seen]:
        """What each route answers, those first that change something."""
        return {
            "POST /students/{student}/enrollments": self.enrolls_in("e-bob", "event-storming", "bob"),
            "DELETE /enrollments/{enrollment}": self.see("DELETE", "/enrollments/e-cleo"),
            "POST /enrollments/{enrollment}/modules/{module}": self.scores(enrollment, module),
            "GET /enrollments/{enrollment}/progress": self.see("GET", f"/enrollments/{enrollment}/progress"),
            "GET /courses/{course}/students": self.see("GET", "/courses/team-topologies/students"),
            **{
                f"GET /students/{{student}}/{what}": self.see("GET", f"/students/ada/{what}")
                for what in ("enrollments", "invoices", "transcript", "certificates")
            },
        }


FRESH = {
    "GET /enrollments/{enrollment}/progress": "/enrollments/{}/progress?fresh=true",
    "GET /courses/{course}/students": "/courses/team-topologies/students?fresh=true",
    "GET /students/{student}/enrollments": "/students/ada/enrollments?fresh=true",
    "GET /students/{student}/invoices": "/students/ada/invoices?fresh=true",
    "GET /students/{student}/transcript": "/students/ada/transcript?fresh=true",
    "GET /students/{student}/certificates": "/students/ada/certificates?fresh=true",
}
"""The routes to queries, as those call them who want fresh answers."""
SAYS_NOTHING = {"DELETE /enrollments/{enrollment}", "POST /students/{student}/enrollments"}
"""Routes whose replies are the same, whatever they work on."""


def predicted(file: Path, service: str, system: System = platform) -> Impact:
    model = system.hosting().model()
    placement = place(read_topology(str(file)), shapes_of(model))
    unseen = unseen_by(placement, models_of(placement.topology, placement))
    return impact_of(interactions_of(model), service_outage(placement, service, "down"), unseen)


def without_fresh_answers(told: Impact) -> set[str]:
    """The routes to queries that fail, or have no fresh answer."""
    queries = {point.name for point in (*told.not_fresh, *told.fails)}
    known = interactions_of(platform.hosting().model()).points
    return {
        point.name for point in known if point.name in FRESH and (point.name in queries or queries & {*point.calls})
    }


def routes(points: Sequence[Any] | dict[Any, Any]) -> set[str]:
    return {point.name for point in points if point.kind == "route"}


def test_senders_and_clients_see_what_was_predicted_when_the_service_of_a_webhook_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "payments", payments)  # as its topology names it
    shop = Shop(tmp_path, f"sqlite:{tmp_path}/{{context}}.db")
    told = predicted(shop.file, "hooks", payments.system)
    body = body_of("e-1", "invoice.deadly", cents=5)
    with shop.running("payments"):
        shop.deadly.touch()
        with shop.running("hooks") as hooks:
            post(hooks, body)
            assert hooks.process.wait(DEADLINE) == -9
        refused = {route for route in routes(told.fails) if post(hooks, body, route.partition(" ")[2]) == AWAY}
        seen, fresh = shop.ask("i-1"), shop.ask("i-1", "--fresh", "--deadline", "0.5")
        shop.deadly.unlink()
        with shop.running("hooks"):
            later = shop.paid()
    assert refused == {"POST /-/hooks/payments/stripe", "POST /-/hooks/payments/numbered", "POST /dated"}
    assert {each.name for each in told.waits} == {
        f"payments.foreign:{each}" for each in ("stripe", "numbered", "dated")
    }
    assert (seen.stdout.strip(), later) == ("[]", [5])
    assert ({each.name for each in told.models}, {each.name for each in told.stale}) == (
        {"payments.Invoice"},
        {"payments.Paid", "payments.Settle"},
    )
    assert fresh.returncode != 0
    assert {each.name for each in told.not_fresh} == {"payments.Paid"}


class Away(NamedTuple):
    """How a service comes to be away while others still have to hear of the last that it did."""

    topology: str
    service: str
    last: Callable[[Student], Any]
    """What is done before. It may pause services."""
    then: Callable[[Student], Any]
    """What is tried when the service is away."""
    probe: tuple[str, str] = ("e-1", "big-picture")
    """An enrollment and a module, for the routes of learning."""


def nothing(student: Student) -> None: ...


def last_of_enrollment(student: Student) -> None:
    student.services["learning"].pause()
    assert student.enrolls_in("e-2", "team-topologies").status == 201
    student.services["billing"].pause()
    assert student.see("DELETE", "/enrollments/e-3").status == 200


def last_of_the_office(student: Student) -> None:
    student.services["school"].pause()
    assert student.enrolls_in("e-2", "team-topologies").status == 201


def last_of_learning(student: Student) -> None:
    student.services["certification"].pause()
    assert student.scores("e-1", "design-level").body["completed_at"]


def wants_a_place(student: Student) -> None:
    assert student.enrolls_in("e-2", "team-topologies").has_failed
    until(lambda: len(student.sees("enrollments")) == 3)


NEW = "e-2", "teams"
CASES = [
    Away("four-http", "enrollment", last_of_enrollment, nothing, NEW),
    Away("four-http", "billing", nothing, wants_a_place, NEW),
    Away("four-http", "learning", last_of_learning, nothing),
    Away("four-http", "certification", nothing, nothing),
    Away("pairs-http", "office", last_of_the_office, nothing, NEW),
    Away("pairs-http", "school", nothing, nothing),
]


@pytest.mark.parametrize("away", CASES, ids=[f"{each.topology}-{each.service}" for each in CASES])
def test_clients_see_what_was_predicted_when_a_service_is_killed(away: Away, tmp_path: Path) -> None:
    told = predicted(TOPOLOGIES / f"{away.topology}.toml", away.service)
    with running(away.topology, tmp_path) as services:
        student = Student(services)
        student.prepares()
        away.last(student)
        services[away.service].kill()
        for other in services.services.values():
            if other.name != away.service:
                other.resume()
        away.then(student)
        seen = student.everything(*away.probe)
        refused = {route for route, path in FRESH.items() if student.see("GET", path.format(away.probe[0])).has_failed}
        services[away.service].start()
        come_to_rest(student.directory)
        later = student.everything(*away.probe)
    failed = {route for route, answer in seen.items() if answer.has_failed}
    stale = {route for route in seen.keys() - failed - SAYS_NOTHING if seen[route] != later[route]}
    assert failed == routes(told.fails)
    assert refused == without_fresh_answers(told)
    assert stale == routes(told.stale) - SAYS_NOTHING
