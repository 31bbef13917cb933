"""The wrong choice: learning does not need the answer of certification, and waits for it.

Whoever completes a course waits until the certificate is issued. Without certification nobody completes a course.
"""

from datetime import datetime

from learning.billing.handlers import billing
from learning.certification import handlers as right_certification
from learning.certification.api import Certificates
from learning.certification.domain import REGISTER, Register
from learning.enrollment.api import EnrollmentWithdrawn, StudentEnrolled
from learning.enrollment.handlers import enrollment
from learning.ids import CourseId, StudentId
from learning.learning import handlers as right
from learning.learning.api import CompleteModule, CourseProgress, NotYetOpen, Progress, Students, Transcript
from learning.learning.domain import Completed, CourseRecord, LearningEvent
from remit import Clock, Command, Context, Repository, Sender, System
from remit.relations import CustomerSupplier, OpenHost

learning = Context("learning", kind="core", owner="team-learning", events=LearningEvent)
certification = Context("certification", kind="generic", owner="team-certification")


class IssueCertificate(Command[int]):
    """Issues the certificate of a completed course. The reply is its number."""

    student: StudentId
    course: CourseId
    completed_at: datetime


@learning.handle(CompleteModule)
async def complete_module(
    command: CompleteModule, records: Repository[CourseRecord], clock: Clock, calls: Sender
) -> CourseProgress:
    record = await records.find(command.enrollment)
    if record is None:
        raise NotYetOpen(enrollment=command.enrollment)
    record.complete_module(command.module, command.score, clock.now())
    if record.completed_at:
        await calls.send(
            IssueCertificate(student=record.student, course=record.course, completed_at=record.completed_at)
        )
    return right.progress_of(record)


@certification.handle(IssueCertificate)
async def issue_certificate(command: IssueCertificate, registers: Repository[Register], clock: Clock) -> int:
    register = await registers.obtain(REGISTER)
    register.issue(command.student, command.course, command.completed_at, clock.now())
    return register.last_number


learning.react(StudentEnrolled, EnrollmentWithdrawn)(right.follow_enrollment)
learning.publish(Completed)(right.completed)
learning.answer(Progress)(right.progress)
learning.project(right.TranscriptOf)
learning.answer(Transcript)(right.transcript)
learning.project(right.StudentInCourse)
learning.answer(Students)(right.students)
certification.project(right_certification.CertificatesOf)
certification.answer(Certificates)(right_certification.certificates)

platform = System(
    "learning",
    contexts=[enrollment, billing, learning, certification],
    relations=[
        CustomerSupplier(supplier="billing", customer="enrollment"),
        CustomerSupplier(supplier="certification", customer="learning"),
        OpenHost("enrollment"),
    ],
)
