"""The published language of enrollment."""

__context__ = "enrollment"

from typing import Literal

from learning.billing.api import CourseNotOffered, CreditExhausted, PaymentRefused
from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Command, IntegrationEvent, Query, Refusal, Value

Status = Literal["pending", "confirmed", "withdrawn"]


class EnrollmentTaken(Refusal):
    """The identity is in use for another student or another course."""

    enrollment: EnrollmentId


class AlreadyWithdrawn(Refusal):
    """The enrollment has ended; a new one needs a new identity."""

    enrollment: EnrollmentId
    reason: str


class NotEnrolled(Refusal):
    """There is no such enrollment."""

    enrollment: EnrollmentId


class Enroll(
    Command[EnrollmentId, CourseNotOffered | CreditExhausted | PaymentRefused | EnrollmentTaken | AlreadyWithdrawn]
):
    """Give a student a place in a course, once billing has confirmed the invoice."""

    enrollment: EnrollmentId
    student: StudentId
    course: CourseId


class Withdraw(Command[None, NotEnrolled]):
    """End an enrollment. Ending it again changes nothing."""

    enrollment: EnrollmentId
    reason: str = "the student changed their mind"


class StudentEnrolled(IntegrationEvent, version=1, key="student"):
    """A student has a place in a course, and an invoice for it."""

    enrollment: EnrollmentId
    student: StudentId
    course: CourseId


class EnrollmentWithdrawn(IntegrationEvent, version=1, key="student"):
    """An enrollment has ended, confirmed or not."""

    enrollment: EnrollmentId
    student: StudentId


class EnrollmentLine(Value):
    enrollment: EnrollmentId
    course: CourseId
    status: Status
    reason: str = ""


class Enrollments(Query[list[EnrollmentLine]]):
    """The enrollments of a student."""

    student: StudentId
