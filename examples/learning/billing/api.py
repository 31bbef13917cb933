"""The published language of billing."""

__context__ = "billing"

from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Command, Query, Refusal, Value
from remit.values import Identifier, Money


class InvoiceId(Identifier): ...


class CourseNotOffered(Refusal):
    """The course has no price."""

    course: CourseId


class CreditExhausted(Refusal):
    """The student would owe more than the credit limit."""

    owed: Money
    limit: Money


class PaymentRefused(Refusal):
    """The payment provider says no, or the enrollment was given up before it was paid."""

    reason: str


class ConfirmInvoice(Command[InvoiceId, CourseNotOffered | CreditExhausted | PaymentRefused]):
    """Charge the student for an enrollment. Asked again for the same enrollment: the same invoice."""

    enrollment: EnrollmentId
    student: StudentId
    course: CourseId


class InvoiceLine(Value):
    invoice: InvoiceId
    enrollment: EnrollmentId
    course: CourseId
    amount: Money
    refunded: bool = False


class Invoices(Query[list[InvoiceLine]]):
    """The invoices of a student, oldest first."""

    student: StudentId
