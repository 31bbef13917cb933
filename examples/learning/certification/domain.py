"""The register that numbers certificates."""

from datetime import datetime

from learning.ids import CourseId, StudentId
from remit import Aggregate, DomainEvent

REGISTER = "register"


class CertificateIssued(DomainEvent):
    number: int
    student: StudentId
    course: CourseId
    completed_at: datetime
    at: datetime


class Register(Aggregate[str, CertificateIssued]):
    """There is one, so that numbers run without gaps."""

    last_number: int = 0

    def issue(self, student: StudentId, course: CourseId, completed_at: datetime, at: datetime) -> None:
        """Issues the certificate with the next number."""
        self.last_number += 1
        self.record(
            CertificateIssued(number=self.last_number, student=student, course=course, completed_at=completed_at, at=at)
        )
