"""The platform in one process: on PostgreSQL, and in memory with every message's round trip through the codec."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from learning.billing.api import ConfirmInvoice, CreditExhausted, Invoices, PaymentRefused
from learning.certification.api import Certificates
from learning.enrollment.api import Enroll, Enrollments, Withdraw
from learning.enrollment.handlers import Request
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import (
    CompleteModule,
    CourseProgress,
    Progress,
    Transcript,
)
from learning.learning.domain import CURRICULA
from learning.system import platform
from remit.testing import App, running

ADA = StudentId("ada")
BOB = StudentId("bob-nocard")
MODELLING = CourseId("domain-modelling")
STORMING = CourseId("event-storming")
MAPPING = CourseId("context-mapping")
TEAMS = CourseId("team-topologies")


@pytest.fixture(params=["memory", "postgresql"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[App]:
    if request.param == "memory":
        async with running(platform) as app:
            yield app
        return
    server, mark = request.getfixturevalue("server"), uuid.uuid4().hex
    async with running(platform, store=f"{server}?schema={{context}}_{mark}") as app:
        yield app
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(server)
    for context in platform.contexts:
        await connection.execute(f"DROP SCHEMA {context.name}_{mark} CASCADE")
    await connection.close()


def wish(course: CourseId, student: StudentId = ADA) -> Enroll:
    return Enroll(enrollment=EnrollmentId(f"{student}.{course}"), student=student, course=course)


async def complete(app: App, enrollment: EnrollmentId, course: CourseId, score: int) -> CourseProgress:
    """Every module with one score, once the record is open."""
    await app.settled()
    for module in CURRICULA[course].modules:
        await app.send(CompleteModule(enrollment=enrollment, module=module, score=score))
    return await app.ask(Progress(enrollment=enrollment))


async def statuses(app: App, student: StudentId) -> dict[CourseId, str]:
    lines = await app.ask(Enrollments(student=student), fresh=True)
    return {line.course: line.status for line in lines}


async def amounts(app: App, student: StudentId) -> list[tuple[int, bool]]:
    lines = await app.ask(Invoices(student=student), fresh=True)
    return [(line.amount.minor, line.refunded) for line in lines]


async def test_an_enrollment_counts_once_billing_has_confirmed_the_invoice(app: App) -> None:
    assert await app.send(wish(STORMING)) == "ada.event-storming"
    assert await statuses(app, ADA) == {STORMING: "confirmed"}
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_a_refused_payment_withdraws_the_enrollment_and_reaches_the_caller(app: App) -> None:
    with pytest.raises(PaymentRefused, match="no card"):
        await app.send(wish(STORMING, BOB))
    assert await statuses(app, BOB) == {STORMING: "withdrawn"}
    assert await amounts(app, BOB) == []


async def test_the_third_course_is_cheaper_and_credit_has_an_end(app: App) -> None:
    for course in (STORMING, TEAMS, MODELLING):
        await app.send(wish(course))
    assert await amounts(app, ADA) == [(200_00, False), (150_00, False), (240_00, False)]
    refusal = await app.attempt(wish(MAPPING))
    assert isinstance(refusal, CreditExhausted)
    assert (refusal.owed.minor, refusal.limit.minor) == (590_00, 750_00)
    assert (await statuses(app, ADA))[MAPPING] == "withdrawn"
    await app.settled()  # billing knows that the enrollment has ended
    again = ConfirmInvoice(enrollment=EnrollmentId("ada.context-mapping"), student=ADA, course=MAPPING)
    assert str(await app.attempt(again)) == str(refusal), (
        "handler and reaction both settle it; whoever is later hears the same"
    )


async def test_a_withdrawal_is_refunded_and_frees_credit(app: App) -> None:
    for course in (STORMING, TEAMS, MODELLING):
        await app.send(wish(course))
    await app.send(Withdraw(enrollment=EnrollmentId("ada.domain-modelling")))
    await app.send(Withdraw(enrollment=EnrollmentId("ada.domain-modelling")))
    assert await amounts(app, ADA) == [(200_00, False), (150_00, False), (240_00, True)]
    await app.send(wish(MAPPING))
    assert (await amounts(app, ADA))[-1] == (200_00, False)


async def test_the_same_enrollment_twice_is_one_enrollment_with_one_invoice(app: App) -> None:
    await app.send(wish(STORMING))
    await app.send(wish(STORMING))
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_what_a_crash_leaves_pending_the_reaction_settles(app: App) -> None:
    """`Request` is all that `Enroll` has done when the process dies after its first step."""
    await app.send(Request(enrollment=EnrollmentId("e-1"), student=ADA, course=STORMING))
    await app.send(Request(enrollment=EnrollmentId("e-2"), student=BOB, course=STORMING))
    assert await statuses(app, ADA) == {STORMING: "confirmed"}
    assert await statuses(app, BOB) == {STORMING: "withdrawn"}
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_nobody_is_charged_for_an_enrollment_that_was_withdrawn_before_the_invoice(app: App) -> None:
    await app.attempt(wish(STORMING, BOB))
    await app.settled()
    late = ConfirmInvoice(enrollment=EnrollmentId("bob-nocard.event-storming"), student=BOB, course=STORMING)
    assert isinstance(await app.attempt(late), PaymentRefused)
    assert await amounts(app, BOB) == []


async def test_good_scores_complete_the_course_and_a_numbered_certificate_follows(app: App) -> None:
    for number, course in enumerate((STORMING, TEAMS), start=1):
        enrollment = await app.send(wish(course))
        progress = await complete(app, enrollment, course, 80)
        assert progress.missing == []
        issued = await app.ask(Certificates(student=ADA), fresh=True)
        assert [(certificate.number, certificate.course) for certificate in issued][-1] == (number, course)
        assert issued[-1].completed_at == progress.completed_at
    transcript = await app.ask(Transcript(student=ADA), fresh=True)
    assert [(line.course, line.average) for line in transcript] == [(STORMING, 80), (TEAMS, 80)]
    assert [{*line.scores.values()} for line in transcript] == [{80}, {80}]
