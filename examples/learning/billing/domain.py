"""Pricing, credit and refunds: what billing decides."""

from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

from learning.billing.api import CourseNotOffered, CreditExhausted, InvoiceId, PaymentRefused
from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Aggregate, DomainEvent, Value, field
from remit.values import Money

CURRENCY = "EUR"
PRICES = {
    CourseId("domain-modelling"): Money.of(300, CURRENCY),
    CourseId("event-storming"): Money.of(200, CURRENCY),
    CourseId("context-mapping"): Money.of(250, CURRENCY),
    CourseId("team-topologies"): Money.of(150, CURRENCY),
}
CREDIT_LIMIT = Money.of(750, CURRENCY)
DISCOUNT = Decimal("0.20")
DISCOUNT_FROM_COURSE = 3


class BillingEvent(DomainEvent):
    """Something that happened in billing."""


class Issued(BillingEvent, version=2):
    invoice: InvoiceId
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    amount: Money
    at: datetime


class Refunded(BillingEvent, version=2):
    invoice: InvoiceId
    enrollment: EnrollmentId
    student: StudentId
    amount: Money
    at: datetime


class Invoice(Value):
    id: InvoiceId
    course: CourseId
    amount: Money
    refunded: bool = False


class Account(Aggregate[StudentId, Issued | Refunded], version=2):
    """What one student was charged."""

    invoices: dict[EnrollmentId, Invoice] = field(default_factory=dict[EnrollmentId, Invoice])
    given_up: list[EnrollmentId] = field(default_factory=list[EnrollmentId])

    def quote(self, enrollment: EnrollmentId, course: CourseId) -> Money:
        """The price of a course for this student.

        Raises `CourseNotOffered`, `CreditExhausted`, and `PaymentRefused` for an enrollment that was given up already.
        """
        if course not in PRICES:
            raise CourseNotOffered(course=course)
        standing = [invoice.amount for invoice in self.invoices.values() if not invoice.refunded]
        price = PRICES[course]
        if len(standing) + 1 >= DISCOUNT_FROM_COURSE:
            price -= price.times(DISCOUNT, ROUND_HALF_EVEN)
        owed = sum(standing, Money.zero(CURRENCY))
        if owed + price > CREDIT_LIMIT:
            raise CreditExhausted(owed=owed, limit=CREDIT_LIMIT)
        if enrollment in self.given_up:  # last, so that who asks again about a refused one hears the same reason
            raise PaymentRefused(reason="the enrollment was withdrawn")
        return price

    def issue(self, enrollment: EnrollmentId, course: CourseId, amount: Money, at: datetime) -> InvoiceId:
        """Writes the invoice of an enrollment."""
        invoice = Invoice(id=InvoiceId(f"{self.id}/{len(self.invoices) + 1}"), course=course, amount=amount)
        self.invoices[enrollment] = invoice
        self.record(
            Issued(
                invoice=invoice.id,
                enrollment=enrollment,
                student=self.id,
                course=course,
                amount=amount,
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
                amount=invoice.amount,
                at=at,
            )
        )
