"""What each context of the platform decides, one step at a time."""

from datetime import UTC, datetime

import pytest

from learning.billing.api import (
    ConfirmInvoice,
    CourseNotOffered,
    CreditExhausted,
    InvoiceId,
    InvoiceLine,
    PaymentRefused,
)
from learning.billing.domain import CURRENCY, Account, Invoice, Issued, Refunded
from learning.billing.handlers import InvoicesOf, billing
from learning.billing.payments import Payments, PretendedCards
from learning.certification.domain import REGISTER, CertificateIssued, Register
from learning.certification.handlers import certification
from learning.enrollment.api import (
    AlreadyWithdrawn,
    Enroll,
    EnrollmentTaken,
    EnrollmentWithdrawn,
    NotEnrolled,
    StudentEnrolled,
    Withdraw,
)
from learning.enrollment.domain import Confirmed, Enrollment, Requested, Withdrawn
from learning.enrollment.handlers import enrolled, enrollment
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import (
    CompleteModule,
    CourseCompleted,
    ModuleId,
    NotInCourse,
    NotTaught,
    NotYetOpen,
    RecordClosed,
    ScoreOutOfRange,
    Status,
    StudentLine,
    Students,
)
from learning.learning.domain import Closed, Completed, CourseRecord, ModuleCompleted, Opened
from learning.learning.handlers import StudentInCourse, learning
from remit import Page, Refusal
from remit.testing import given
from remit.values import Money

COST = Money.of(200, CURRENCY)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADA, BOB, E1 = StudentId("ada"), StudentId("bob-nocard"), EnrollmentId("e-1")
STORMING, TEAMS, MODELLING = CourseId("event-storming"), CourseId("team-topologies"), CourseId("domain-modelling")
MAPPING = CourseId("context-mapping")
BIG_PICTURE, DESIGN = ModuleId("big-picture"), ModuleId("design-level")
WISH = Enroll(enrollment=E1, student=ADA, course=STORMING)
REQUESTED = Requested(enrollment=E1, student=ADA, course=STORMING, at=NOON)
PENDING = Enrollment(id=E1, student=ADA, course=STORMING)
WITHDRAWN = Enrollment(id=E1, student=ADA, course=STORMING, status="withdrawn", reason="so")
RECORD = CourseRecord(id=E1)
OPENED = Opened(enrollment=E1, student=ADA, course=STORMING, at=NOON)
CLOSED = Closed(enrollment=E1, student=ADA, at=NOON)
MODULE = CompleteModule(enrollment=E1, module=BIG_PICTURE, score=80)
COMPLETED = Completed(
    enrollment=E1, student=ADA, course=STORMING, scores={BIG_PICTURE: 80, DESIGN: 40}, average=60, pass_average=60,
    opened_at=NOON, at=NOON,
)  # fmt: skip


def account(**cents: int) -> Account:
    """An account with an invoice for each amount."""
    bought = {
        EnrollmentId(name): Invoice(id=InvoiceId(name), course=STORMING, amount=Money.of_minor(n, CURRENCY))
        for name, n in cents.items()
    }
    return Account(id=ADA, invoices=bought)


# ── enrollment ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_enrollment_is_confirmed_once_billing_has_an_invoice() -> None:
    done = given(enrollment).on(ConfirmInvoice).answers(InvoiceId("ada/1")).when(WISH)
    done.then(REQUESTED, Confirmed(enrollment=E1, student=ADA, course=STORMING, at=NOON)).replies(E1)
    done.publishes(StudentEnrolled(enrollment=E1, student=ADA, course=STORMING))


def test_a_refused_payment_withdraws_the_enrollment_and_reaches_the_caller() -> None:
    refusal = PaymentRefused(reason="no card")
    refused = given(enrollment).on(ConfirmInvoice).answers(refusal).when(WISH)
    refused.then(REQUESTED, Withdrawn(enrollment=E1, student=ADA, reason=str(refusal), at=NOON), refusal)
    refused.publishes(EnrollmentWithdrawn(enrollment=E1, student=ADA))


def test_what_a_crash_leaves_pending_the_reaction_settles() -> None:
    given(enrollment, PENDING).on(ConfirmInvoice).answers(InvoiceId("ada/1")).when(REQUESTED).publishes(
        StudentEnrolled(enrollment=E1, student=ADA, course=STORMING)
    )
    given(enrollment, WITHDRAWN).when(REQUESTED).then().calls()


def test_an_identity_belongs_to_one_student_and_course_and_ends_with_the_withdrawal() -> None:
    given(PENDING).when(Enrollment.request_again, ADA, STORMING).then()
    given(PENDING).when(Enrollment.request_again, ADA, TEAMS).then(EnrollmentTaken(enrollment=E1))
    given(WITHDRAWN).when(Enrollment.request_again, ADA, STORMING).then(AlreadyWithdrawn(enrollment=E1, reason="so"))
    given(WITHDRAWN).when(Enrollment.withdraw, "again", NOON).then().leaves(WITHDRAWN)
    given(enrollment).when(Withdraw(enrollment=E1)).then(NotEnrolled(enrollment=E1))


def test_only_a_confirmed_enrollment_is_published() -> None:
    given(Confirmed(enrollment=E1, student=ADA, course=STORMING, at=NOON)).when(enrolled).then(
        StudentEnrolled(enrollment=E1, student=ADA, course=STORMING)
    )


# ── billing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("bought", "course", "outcome"),
    [
        (account(), STORMING, COST),
        (account(one=200_00, two=150_00), MODELLING, Money.of(240, CURRENCY)),
        (
            account(one=200_00, two=150_00, three=240_00),
            MAPPING,
            CreditExhausted(owed=Money.of(590, CURRENCY), limit=Money.of(750, CURRENCY)),
        ),
        (account(), CourseId("alchemy"), CourseNotOffered(course=CourseId("alchemy"))),
        (Account(id=ADA, given_up=[E1]), STORMING, PaymentRefused(reason="the enrollment was withdrawn")),
    ],
    ids=["list price", "the third is cheaper", "credit has an end", "no price", "given up before"],
)
def test_a_price_is_quoted_or_refused(bought: Account, course: CourseId, outcome: Money | Refusal) -> None:
    quoted = given(bought).when(Account.quote, E1, course)
    _ = quoted.then(outcome) if isinstance(outcome, Refusal) else quoted.then().replies(outcome)


def test_an_enrollment_is_charged_once_and_not_without_a_card() -> None:
    wish = ConfirmInvoice(enrollment=E1, student=ADA, course=STORMING)
    ready = given(billing, Account(id=ADA)).provide(Payments, PretendedCards)
    issued = Issued(invoice=InvoiceId("ada/1"), enrollment=E1, student=ADA, course=STORMING, amount=COST, at=NOON)
    ready.when(wish).then(issued).replies(InvoiceId("ada/1"))
    given(billing, account(**{E1: 200_00})).provide(Payments, PretendedCards).when(wish).then().replies(InvoiceId(E1))
    given(billing).provide(Payments, PretendedCards).when(wish.replace(student=BOB)).then(
        PaymentRefused(reason="no card on file for 200.00 EUR")
    )
    given(InvoicesOf, issued).when(
        Refunded(invoice=InvoiceId("ada/1"), enrollment=E1, student=ADA, amount=COST, at=NOON)
    ).then(
        InvoicesOf(
            lines={
                E1: InvoiceLine(invoice=InvoiceId("ada/1"), enrollment=E1, course=STORMING, amount=COST, refunded=True)
            }
        )
    )


def test_a_withdrawal_is_refunded_or_remembered() -> None:
    withdrawn = EnrollmentWithdrawn(enrollment=E1, student=ADA)
    given(billing, account(**{E1: 200_00})).when(withdrawn).then(
        Refunded(invoice=InvoiceId(E1), enrollment=E1, student=ADA, amount=COST, at=NOON)
    )
    given(billing).when(withdrawn).then().leaves(Account(id=ADA, given_up=[E1]))


# ── learning and certification ──────────────────────────────────────────────────────────────────────────────────────


def test_a_record_is_opened_and_closed_with_the_enrollment() -> None:
    opened = given(learning).when(StudentEnrolled(enrollment=E1, student=ADA, course=STORMING))
    opened.then(OPENED)
    withdrawn = EnrollmentWithdrawn(enrollment=E1, student=ADA)
    given(learning, RECORD, OPENED).when(withdrawn).then(CLOSED)
    given(learning, RECORD, OPENED, CLOSED).when(withdrawn).then()
    given(learning, RECORD, OPENED, CLOSED).when(MODULE).then(RecordClosed(enrollment=E1))
    given(learning).when(withdrawn).then()  # it was never confirmed


def test_a_score_is_refused_that_is_not_open_unknown_or_no_score() -> None:
    given(learning).when(MODULE).then(NotYetOpen(enrollment=E1))
    given(learning, RECORD, OPENED).when(MODULE.replace(module=ModuleId("x"))).then(NotInCourse(module=ModuleId("x")))
    given(learning, RECORD, OPENED).when(MODULE.replace(score=101)).then(ScoreOutOfRange(score=101))


def test_the_last_module_completes_the_course_when_the_average_is_enough() -> None:
    begun = ModuleCompleted(enrollment=E1, student=ADA, module=BIG_PICTURE, score=80, at=NOON)
    last = CompleteModule(enrollment=E1, module=DESIGN, score=39)
    taken = ModuleCompleted(enrollment=E1, student=ADA, module=DESIGN, score=39, at=NOON)
    given(learning, RECORD, OPENED, begun).when(last).then(taken).publishes()
    done = given(learning, RECORD, OPENED, begun).when(last.replace(score=40)).then(taken.replace(score=40), COMPLETED)
    done.publishes(CourseCompleted(student=ADA, course=STORMING, completed_at=NOON))


def test_scores_of_a_completed_course_are_final() -> None:
    given(learning, RECORD, OPENED, COMPLETED).when(MODULE).then()


def test_a_row_shows_how_a_student_stands_in_a_course() -> None:
    def row(status: Status = "learning", average: int | None = None, **scores: int) -> StudentInCourse:
        taken = {ModuleId(module): score for module, score in scores.items()}
        return StudentInCourse(
            enrollment=E1, student=ADA, course=STORMING, status=status, scores=taken, average=average
        )

    scored = ModuleCompleted(enrollment=E1, student=ADA, module=ModuleId("one"), score=80, at=NOON)
    given(StudentInCourse, OPENED).then(row())
    given(StudentInCourse, OPENED, scored).then(row(one=80))
    given(StudentInCourse, OPENED, CLOSED).then(row("withdrawn"))
    given(StudentInCourse, OPENED, COMPLETED, CLOSED).then(row("completed", 60))


def test_the_students_of_a_course_are_those_of_one_status_or_all() -> None:
    line = StudentLine(student=ADA, enrollment=E1, status="learning", scores={})
    asked = given(learning, RECORD, OPENED)
    asked.when(Students(course=STORMING)).then(Page(items=[line]))
    asked.when(Students(course=STORMING, status="learning")).then(Page(items=[line]))
    asked.when(Students(course=STORMING, status="completed")).then(Page(items=[]))
    asked.when(Students(course=TEAMS)).then(Page(items=[]))
    asked.when(Students(course=CourseId("alchemy"))).then(NotTaught(course=CourseId("alchemy")))


def test_certificates_are_numbered_without_gaps() -> None:
    given(certification, Register(id=REGISTER, last_number=6)).when(
        CourseCompleted(student=ADA, course=STORMING, completed_at=NOON)
    ).then(CertificateIssued(number=7, student=ADA, course=STORMING, completed_at=NOON, at=NOON))
