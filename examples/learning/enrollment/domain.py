"""The life of an enrollment: pending, then confirmed or withdrawn."""

from __future__ import annotations

from datetime import datetime

from learning.enrollment.api import AlreadyWithdrawn, EnrollmentTaken, Status
from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Aggregate, DomainEvent


class EnrollmentEvent(DomainEvent):
    """Something that happened in enrollment."""


class Requested(EnrollmentEvent):
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    at: datetime


class Confirmed(EnrollmentEvent):
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    at: datetime


class Withdrawn(EnrollmentEvent):
    enrollment: EnrollmentId
    student: StudentId
    reason: str
    at: datetime


class Enrollment(Aggregate[EnrollmentId, Requested | Confirmed | Withdrawn]):
    """One student's place in one course."""

    student: StudentId
    course: CourseId
    status: Status = "pending"
    reason: str = ""

    @staticmethod
    def request(enrollment: EnrollmentId, student: StudentId, course: CourseId, at: datetime) -> Enrollment:
        """A new enrollment, pending until billing has answered."""
        requested = Enrollment(id=enrollment, student=student, course=course)
        requested.record(Requested(enrollment=enrollment, student=student, course=course, at=at))
        return requested

    def request_again(self, student: StudentId, course: CourseId) -> None:
        """The same request once more changes nothing. Raises `EnrollmentTaken`, `AlreadyWithdrawn`."""
        if (student, course) != (self.student, self.course):
            raise EnrollmentTaken(enrollment=self.id)
        self._still_open()

    def confirm(self, at: datetime) -> None:
        """Billing has an invoice. Raises `AlreadyWithdrawn`."""
        self._still_open()
        if self.status == "pending":
            self.status = "confirmed"
            self.record(Confirmed(enrollment=self.id, student=self.student, course=self.course, at=at))

    def reject(self, reason: str, at: datetime) -> bool:
        """Billing has refused. False if the enrollment was confirmed meanwhile, by an attempt that had more luck."""
        if self.status == "pending":
            self.withdraw(reason, at)
        return self.status == "withdrawn"

    def withdraw(self, reason: str, at: datetime) -> None:
        """Ends the enrollment; once is enough."""
        if self.status != "withdrawn":
            self.status, self.reason = "withdrawn", reason
            self.record(Withdrawn(enrollment=self.id, student=self.student, reason=reason, at=at))

    def _still_open(self) -> None:
        if self.status == "withdrawn":
            raise AlreadyWithdrawn(enrollment=self.id, reason=self.reason)
