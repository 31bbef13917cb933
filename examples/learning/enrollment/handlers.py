"""Enrollment: no place without an invoice, and no invoice without a place.

The two live in two stores, so no transaction spans them. An enrollment is therefore recorded *pending* first; then
billing is asked; then it is confirmed or withdrawn. Each step is a unit of work of its own, and each may be repeated.
Whatever a crash leaves pending, the reaction to `Requested` takes to its end.
"""

from learning.billing.api import ConfirmInvoice
from learning.enrollment.api import (
    AlreadyWithdrawn,
    Enroll,
    EnrollmentLine,
    Enrollments,
    EnrollmentTaken,
    EnrollmentWithdrawn,
    NotEnrolled,
    StudentEnrolled,
    Withdraw,
)
from learning.enrollment.domain import Confirmed, Enrollment, EnrollmentEvent, Requested, Withdrawn
from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Clock, Command, Context, Projection, Refusal, Repository, Sender, View, field

enrollment = Context(
    "enrollment",
    kind="core",
    owner="team-enrollment",
    language="learning/enrollment/language.md",
    events=EnrollmentEvent,
)


class Request(Command[None, EnrollmentTaken | AlreadyWithdrawn]):
    """First step: the enrollment is pending."""

    enrollment: EnrollmentId
    student: StudentId
    course: CourseId


class Confirm(Command[None, AlreadyWithdrawn]):
    """Last step: billing has an invoice."""

    enrollment: EnrollmentId


class Reject(Command[bool]):
    """Last step: billing has refused. The reply says whether the enrollment has ended."""

    enrollment: EnrollmentId
    reason: str


@enrollment.handle(Enroll)
async def enroll(command: Enroll, calls: Sender) -> EnrollmentId:
    await calls.send(Request(enrollment=command.enrollment, student=command.student, course=command.course))
    refusal = await settle(command.enrollment, command.student, command.course, calls)
    if refusal:
        raise refusal
    return command.enrollment


@enrollment.react(Requested)
async def settle_what_is_pending(event: Requested, enrollments: Repository[Enrollment], calls: Sender) -> None:
    requested = await enrollments.get(event.enrollment)
    if requested.status == "pending":
        await settle(event.enrollment, event.student, event.course, calls)


async def settle(enrollment: EnrollmentId, student: StudentId, course: CourseId, calls: Sender) -> Refusal | None:
    """Takes a pending enrollment to its end, however often it is tried. The refusal, or None when it is confirmed."""
    match await calls.attempt(ConfirmInvoice(enrollment=enrollment, student=student, course=course)):
        case Refusal() as refusal:
            ended = await calls.send(Reject(enrollment=enrollment, reason=str(refusal)))
            return refusal if ended else None
        case _:
            outcome = await calls.attempt(Confirm(enrollment=enrollment))
            return outcome if isinstance(outcome, Refusal) else None


@enrollment.handle(Request)
async def request(command: Request, enrollments: Repository[Enrollment], clock: Clock) -> None:
    known = await enrollments.find(command.enrollment)
    if known:
        known.request_again(command.student, command.course)
    else:
        enrollments.add(Enrollment.request(command.enrollment, command.student, command.course, clock.now()))


@enrollment.handle(Confirm)
async def confirm(command: Confirm, enrollments: Repository[Enrollment], clock: Clock) -> None:
    requested = await enrollments.get(command.enrollment)
    requested.confirm(clock.now())


@enrollment.handle(Reject)
async def reject(command: Reject, enrollments: Repository[Enrollment], clock: Clock) -> bool:
    requested = await enrollments.get(command.enrollment)
    return requested.reject(command.reason, clock.now())


@enrollment.handle(Withdraw)
async def withdraw(command: Withdraw, enrollments: Repository[Enrollment], clock: Clock) -> None:
    known = await enrollments.find(command.enrollment)
    if known is None:
        raise NotEnrolled(enrollment=command.enrollment)
    known.withdraw(command.reason, clock.now())


@enrollment.publish(Confirmed)
def enrolled(event: Confirmed) -> StudentEnrolled:
    return StudentEnrolled(enrollment=event.enrollment, student=event.student, course=event.course)


@enrollment.publish(Withdrawn)
def withdrawn(event: Withdrawn) -> EnrollmentWithdrawn:
    return EnrollmentWithdrawn(enrollment=event.enrollment, student=event.student)


@enrollment.project
class EnrollmentsOf(Projection[StudentId, Requested | Confirmed | Withdrawn]):
    """The enrollments of one student."""

    lines: dict[EnrollmentId, EnrollmentLine] = field(default_factory=dict[EnrollmentId, EnrollmentLine])

    @staticmethod
    def key(event: Requested | Confirmed | Withdrawn) -> StudentId:
        return event.student

    def evolve(self, event: Requested | Confirmed | Withdrawn) -> None:
        match event:
            case Requested():
                self.lines[event.enrollment] = EnrollmentLine(
                    enrollment=event.enrollment, course=event.course, status="pending"
                )
            case Confirmed():
                self.lines[event.enrollment] = self.lines[event.enrollment].replace(status="confirmed")
            case Withdrawn():
                self.lines[event.enrollment] = self.lines[event.enrollment].replace(
                    status="withdrawn", reason=event.reason
                )


@enrollment.answer(Enrollments)
async def enrollments_of(query: Enrollments, view: View[EnrollmentsOf]) -> list[EnrollmentLine]:
    found = await view.find(query.student)
    return list(found.lines.values()) if found else []
