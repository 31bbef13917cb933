"""Certification: a certificate for every completed course."""

from learning.certification.api import Certificate, Certificates
from learning.certification.domain import REGISTER, CertificateIssued, Register
from learning.ids import StudentId
from learning.learning.api import CourseCompleted
from remit import Clock, Context, Projection, Repository, View, field

certification = Context(
    "certification",
    kind="generic",
    owner="team-certification",
    language="learning/certification/language.md",
)


@certification.react(CourseCompleted)
async def issue_certificate(event: CourseCompleted, registers: Repository[Register], clock: Clock) -> None:
    register = await registers.obtain(REGISTER)
    register.issue(event.student, event.course, event.completed_at, clock.now())


@certification.project
class CertificatesOf(Projection[StudentId, CertificateIssued]):
    """The certificates of one student."""

    certificates: list[Certificate] = field(default_factory=list[Certificate])

    @staticmethod
    def key(event: CertificateIssued) -> StudentId:
        return event.student

    def evolve(self, event: CertificateIssued) -> None:
        self.certificates.append(
            Certificate(number=event.number, course=event.course, completed_at=event.completed_at, issued_at=event.at)
        )


@certification.answer(Certificates)
async def certificates(query: Certificates, view: View[CertificatesOf]) -> list[Certificate]:
    found = await view.find(query.student)
    return found.certificates if found else []
