"""Pricing, credit and refunds: what billing decides."""

from datetime import datetime

from learning.billing.api import CourseNotOffered, CreditExhausted, InvoiceId, PaymentRefused
from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Aggregate, DomainEvent, Value, field

PRICES_CENTS = {
    CourseId("domain-modelling"): 300_00,
    CourseId("event-storming"): 200_00,
    CourseId("context-mapping"): 250_00,
    CourseId("team-topologies"): 150_00,
}
CREDIT_LIMIT_CENTS = 750_00
DISCOUNT_PERCENT = 20
DISCOUNT_FROM_COURSE = 3


class BillingEvent(DomainEvent):
    """Something that happened in billing."""


class Issued(BillingEvent):
    invoice: InvoiceId
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    amount_cents: int
    at: datetime


class Refunded(BillingEvent):
    invoice: InvoiceId
    enrollment: EnrollmentId
    student: StudentId
    amount_cents: int
    at: datetime


class Invoice(Value):
    id: InvoiceId
    course: CourseId
    amount_cents: int
    refunded: bool = False


class Account(Aggregate[StudentId, Issued | Refunded]):
    """What one student was charged."""

    invoices: dict[EnrollmentId, Invoice] = field(default_factory=dict[EnrollmentId, Invoice])
    given_up: list[EnrollmentId] = field(default_factory=list[EnrollmentId])

    def quote(self, enrollment: EnrollmentId, course: CourseId) -> int:
        """The price of a course for this student, in cents.

        Raises `CourseNotOffered`, `CreditExhausted`, and `PaymentRefused` for an enrollment that was given up already.
        """
        if course not in PRICES_CENTS:
            raise CourseNotOffered(course=course)
        standing = [invoice for invoice in self.invoices.values() if not invoice.refunded]
        price_cents = PRICES_CENTS[course]
        if len(standing) + 1 >= DISCOUNT_FROM_COURSE:
            price_cents -= price_cents * DISCOUNT_PERCENT // 100
        owed_cents = sum(invoice.amount_cents for invoice in standing)
        if owed_cents + price_cents > CREDIT_LIMIT_CENTS:
            raise CreditExhausted(owed_cents=owed_cents, limit_cents=CREDIT_LIMIT_CENTS)
        if enrollment in self.given_up:  # last, so that who asks again about a refused one hears the same reason
            raise PaymentRefused(reason="the enrollment was withdrawn")
        return price_cents

    def issue(self, enrollment: EnrollmentId, course: CourseId, amount_cents: int, at: datetime) -> InvoiceId:
        """Writes the invoice of an enrollment."""
        invoice = Invoice(id=InvoiceId(f"{self.id}/{len(self.invoices) + 1}"), course=course, amount_cents=amount_cents)
        self.invoices[enrollment] = invoice
        self.record(
            Issued(
                invoice=invoice.id,
                enrollment=enrollment,
                student=self.id,
                course=course,
                amount_cents=amount_cents,
                at=at,
            )
        )
        return invoice.id

    def give_back(self, enrollment: EnrollmentId, at: datetime) -> None:
        """Refunds an enrollment. Without an invoice it is remembered, so that a late confirmation charges nobody."""
        invoice = self.invoices.get(enrollment)
        if invoice is None:
            self.given_up.append(enrollment)
            return
        self.invoices[enrollment] = invoice.replace(refunded=True)
        self.record(
            Refunded(
                invoice=invoice.id,
                enrollment=enrollment,
                student=self.id,
                amount_cents=invoice.amount_cents,
                at=at,
            )
        )
