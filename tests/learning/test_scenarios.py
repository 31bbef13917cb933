"""The platform in one process: on PostgreSQL, and in memory with every message's round trip through the codec."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest

from learning.billing.api import ConfirmInvoice, CourseNotOffered, CreditExhausted, Invoices, PaymentRefused
from learning.certification.api import Certificates
from learning.enrollment.api import AlreadyWithdrawn, Enroll, Enrollments, EnrollmentTaken, NotEnrolled, Withdraw
from learning.enrollment.handlers import Request
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import (
    CompleteModule,
    CourseProgress,
    ModuleId,
    NotInCourse,
    NotYetOpen,
    Progress,
    RecordClosed,
    ScoreOutOfRange,
    Transcript,
)
from learning.learning.domain import CURRICULA
from learning.system import platform
from remit import Sender

ADA = StudentId("ada")
BOB = StudentId("bob-nocard")
MODELLING = CourseId("domain-modelling")
STORMING = CourseId("event-storming")
MAPPING = CourseId("context-mapping")
TEAMS = CourseId("team-topologies")


@pytest.fixture(params=["memory", "postgresql"])
async def app(request: pytest.FixtureRequest) -> AsyncIterator[Sender]:
    if request.param == "memory":
        async with platform.connect(store="memory:", parity=True) as app:
            yield app
        return
    server, mark = request.getfixturevalue("server"), uuid.uuid4().hex
    async with platform.connect(store=f"{server}?schema={{context}}_{mark}") as app:
        yield app
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(server)
    for context in platform.contexts:
        await connection.execute(f"DROP SCHEMA {context.name}_{mark} CASCADE")
    await connection.close()


def wish(course: CourseId, student: StudentId = ADA) -> Enroll:
    return Enroll(enrollment=EnrollmentId(f"{student}.{course}"), student=student, course=course)


async def complete(app: Sender, enrollment: EnrollmentId, course: CourseId, score: int) -> CourseProgress:
    """Every module with one score. The transcript is asked first, because a fresh one shows that the record is open."""
    await app.ask(Transcript(student=ADA), fresh=True)
    for module in CURRICULA[course].modules:
        await app.send(CompleteModule(enrollment=enrollment, module=module, score=score))
    return await app.ask(Progress(enrollment=enrollment))


async def statuses(app: Sender, student: StudentId) -> dict[CourseId, str]:
    lines = await app.ask(Enrollments(student=student), fresh=True)
    return {line.course: line.status for line in lines}


async def amounts(app: Sender, student: StudentId) -> list[tuple[int, bool]]:
    lines = await app.ask(Invoices(student=student), fresh=True)
    return [(line.amount_cents, line.refunded) for line in lines]


async def test_an_enrollment_counts_once_billing_has_confirmed_the_invoice(app: Sender) -> None:
    assert await app.send(wish(STORMING)) == "ada.event-storming"
    assert await statuses(app, ADA) == {STORMING: "confirmed"}
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_a_refused_payment_withdraws_the_enrollment_and_reaches_the_caller(app: Sender) -> None:
    with pytest.raises(PaymentRefused, match="no card"):
        await app.send(wish(STORMING, BOB))
    assert await statuses(app, BOB) == {STORMING: "withdrawn"}
    assert await amounts(app, BOB) == []


async def test_the_third_course_is_cheaper_and_credit_has_an_end(app: Sender) -> None:
    for course in (STORMING, TEAMS, MODELLING):
        await app.send(wish(course))
    assert await amounts(app, ADA) == [(200_00, False), (150_00, False), (240_00, False)]
    refusal = await app.attempt(wish(MAPPING))
    assert isinstance(refusal, CreditExhausted)
    assert (refusal.owed_cents, refusal.limit_cents) == (590_00, 750_00)
    assert (await statuses(app, ADA))[MAPPING] == "withdrawn"
    await amounts(app, ADA)  # a fresh answer: billing knows that the enrollment has ended
    again = ConfirmInvoice(enrollment=EnrollmentId("ada.context-mapping"), student=ADA, course=MAPPING)
    assert str(await app.attempt(again)) == str(refusal), (
        "handler and reaction both settle it; whoever is later hears the same"
    )


async def test_a_withdrawal_is_refunded_and_frees_credit(app: Sender) -> None:
    for course in (STORMING, TEAMS, MODELLING):
        await app.send(wish(course))
    await app.send(Withdraw(enrollment=EnrollmentId("ada.domain-modelling")))
    await app.send(Withdraw(enrollment=EnrollmentId("ada.domain-modelling")))
    assert await amounts(app, ADA) == [(200_00, False), (150_00, False), (240_00, True)]
    await app.send(wish(MAPPING))
    assert (await amounts(app, ADA))[-1] == (200_00, False)


async def test_the_same_enrollment_twice_is_one_enrollment_with_one_invoice(app: Sender) -> None:
    await app.send(wish(STORMING))
    await app.send(wish(STORMING))
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_an_identity_belongs_to_one_student_and_course_and_ends_with_the_withdrawal(app: Sender) -> None:
    await app.send(wish(STORMING))
    assert isinstance(await app.attempt(wish(STORMING).replace(course=TEAMS)), EnrollmentTaken)
    await app.send(Withdraw(enrollment=EnrollmentId("ada.event-storming")))
    assert isinstance(await app.attempt(wish(STORMING)), AlreadyWithdrawn)
    assert isinstance(await app.attempt(Withdraw(enrollment=EnrollmentId("nobody"))), NotEnrolled)


async def test_what_a_crash_leaves_pending_the_reaction_settles(app: Sender) -> None:
    """`Request` is all that `Enroll` has done when the process dies after its first step."""
    await app.send(Request(enrollment=EnrollmentId("e-1"), student=ADA, course=STORMING))
    await app.send(Request(enrollment=EnrollmentId("e-2"), student=BOB, course=STORMING))
    assert await statuses(app, ADA) == {STORMING: "confirmed"}
    assert await statuses(app, BOB) == {STORMING: "withdrawn"}
    assert await amounts(app, ADA) == [(200_00, False)]


async def test_nobody_is_charged_for_an_enrollment_that_was_withdrawn_before_the_invoice(app: Sender) -> None:
    await app.attempt(wish(STORMING, BOB))
    await app.ask(Enrollments(student=BOB), fresh=True)
    late = ConfirmInvoice(enrollment=EnrollmentId("bob-nocard.event-storming"), student=BOB, course=STORMING)
    assert isinstance(await app.attempt(late), PaymentRefused)
    assert await amounts(app, BOB) == []


async def test_a_course_without_a_price_is_not_offered(app: Sender) -> None:
    assert isinstance(await app.attempt(wish(CourseId("alchemy"))), CourseNotOffered)


async def test_good_scores_complete_the_course_and_a_numbered_certificate_follows(app: Sender) -> None:
    for number, course in enumerate((STORMING, TEAMS), start=1):
        enrollment = await app.send(wish(course))
        progress = await complete(app, enrollment, course, 80)
        assert progress.missing == []
        issued = await app.ask(Certificates(student=ADA), fresh=True)
        assert [(certificate.number, certificate.course) for certificate in issued][-1] == (number, course)
        assert issued[-1].completed_at == progress.completed_at
    transcript = await app.ask(Transcript(student=ADA), fresh=True)
    assert [(line.course, line.average) for line in transcript] == [(STORMING, 80), (TEAMS, 80)]


async def test_a_poor_average_completes_nothing_until_it_is_made_better_and_then_scores_are_final(app: Sender) -> None:
    enrollment = await app.send(wish(STORMING))
    assert (await complete(app, enrollment, STORMING, 40)).completed_at is None
    assert await app.ask(Certificates(student=ADA), fresh=True) == []
    assert (await complete(app, enrollment, STORMING, 60)).completed_at is not None
    final = await complete(app, enrollment, STORMING, 100)
    assert set(final.scores.values()) == {60}
    assert len(await app.ask(Certificates(student=ADA), fresh=True)) == 1


async def test_learning_refuses_what_is_not_open_closed_unknown_or_no_score(app: Sender) -> None:
    enrollment = await app.send(wish(STORMING))
    await app.ask(Transcript(student=ADA), fresh=True)
    command = CompleteModule(enrollment=enrollment, module=ModuleId("big-picture"), score=80)
    assert isinstance(await app.attempt(command.replace(enrollment="nobody")), NotYetOpen)
    assert isinstance(await app.attempt(command.replace(module="alchemy")), NotInCourse)
    assert isinstance(await app.attempt(command.replace(score=101)), ScoreOutOfRange)
    await app.send(Withdraw(enrollment=enrollment))
    await app.ask(Transcript(student=ADA), fresh=True)
    assert isinstance(await app.attempt(command), RecordClosed)
