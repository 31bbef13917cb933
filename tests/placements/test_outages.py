"""What students see while parts of the platform are away, and what is left of it when the parts are back."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

from learning.driver import Told
from learning.process import TOPOLOGIES, Services
from tests.ablations.disturbances import PAYMENT_SECONDS
from tests.ablations.spoiling import spoil_service
from tests.placements.busy import busy
from tests.placements.deployment import deployed, running
from tests.placements.student import MARGIN_SECONDS, Ada, until

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others


@pytest.fixture(params=["four-http", "four-nats"])
def ada(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Ada]:
    """A student of a platform with a service for each context, all of them ready."""
    with running(request.param, tmp_path) as services:
        yield Ada(services)


def test_without_billing_nobody_is_enrolled_and_nobody_waits_longer_than_the_deadline(ada: Ada) -> None:
    billing = ada.services["billing"]
    billing.kill()
    answer = ada.enrolls(deadline=2.0)
    assert (answer.status, answer.body["code"]) == (503, "call.unavailable")
    assert answer.seconds < 2.0 + MARGIN_SECONDS
    assert not ada.is_enrolled()

    billing.start()
    until(ada.is_enrolled)  # what was left half done is taken to its end by itself
    again = ada.enrolls()
    assert (again.status, again.body) == (201, "e-1")
    until(lambda: [line["refunded"] for line in ada.sees("invoices")] == [False])
    ada.leaves()


def test_asking_again_as_soon_as_billing_is_back_enrolls_once(ada: Ada) -> None:
    billing = ada.services["billing"]
    billing.kill()
    assert ada.enrolls(deadline=1.0).status == 503
    billing.start()
    until(lambda: ada.enrolls(deadline=2.0).status == 201)
    until(lambda: len(ada.sees("invoices")) == 1)
    ada.leaves()


def test_a_billing_that_does_not_answer_is_a_deadline_and_no_hang(ada: Ada) -> None:
    billing = ada.services["billing"]
    billing.pause()
    answer = ada.enrolls(deadline=1.5)
    assert (answer.status, answer.body["code"]) in [(504, "call.unknown"), (504, "call.deadline")]
    assert answer.seconds < 1.5 + MARGIN_SECONDS
    billing.resume()
    until(lambda: ada.enrolls(deadline=2.0).status == 201)
    until(ada.is_enrolled)
    ada.leaves()


@pytest.mark.parametrize("name", ["four-http", "four-nats"])
def test_a_billing_that_is_slow_is_a_deadline_and_ends_well(name: str, tmp_path: Path) -> None:
    with deployed(TOPOLOGIES / f"{name}.toml", tmp_path) as (services, _):
        spoil_service(services["billing"], "payments_are_slow", tmp_path)
        services.start()
        ada = Ada(services)
        answer = ada.enrolls(deadline=1.0)
        assert (answer.status, answer.body["code"]) in [(504, "call.unknown"), (504, "call.deadline")]
        assert answer.seconds < PAYMENT_SECONDS, "the payment is not waited for"
        until(ada.is_enrolled)
        assert ada.enrolls().status == 201
        until(lambda: [line["refunded"] for line in ada.sees("invoices")] == [False])
        assert "a payment is slow" in services["billing"].log()
        ada.leaves()


def test_courses_are_completed_while_certification_is_away_and_certificates_follow(ada: Ada) -> None:
    ada.services["certification"].kill()
    assert ada.enrolls().status == 201
    ada.completes()
    assert lag(ada.services) == 1

    ada.services["certification"].start()
    until(lambda: [line["course"] for line in ada.sees("certificates")] == ["event-storming"])
    assert lag(ada.services) == 0
    until(lambda: ada.services.remit("status").returncode == 0)
    ada.leaves()


def lag(services: Services) -> int:
    """How far certification is behind, as `remit status` says."""
    ran = services.remit("status", "--json")
    assert ran.stdout, ran.stderr
    rows = json.loads(ran.stdout)["subscriptions"]
    (row,) = [row for row in rows if row["name"] == "certification.issue_certificate"]
    behind: int = row["lag"]
    return behind


def played_while_restarted(name: str, folder: Path, *restarted: str) -> list[Told]:
    """What students are told while each process of these services is restarted, one after the other."""
    with running(name, folder) as services, busy(services) as told:
        for service in services.services.values():
            if service.service in restarted:
                assert service.stop() == 0
                service.start()
    return told


@pytest.mark.parametrize("name", ["pairs-http", "pairs-nats"])
def test_services_are_restarted_one_after_the_other_and_nobody_gets_a_wrong_answer(name: str, tmp_path: Path) -> None:
    played_while_restarted(name, tmp_path, "office", "school")


@pytest.mark.parametrize("name", ["replicas-http", "replicas-nats"])
def test_a_rolling_restart_of_replicas_costs_a_retry_at_most(name: str, tmp_path: Path) -> None:
    told = played_while_restarted(name, tmp_path, "enrollment", "billing")
    assert max(student.failures for student in told) <= 1
