"""Learning: follows enrollment, takes scores, says when a course is completed. It knows nothing of certificates."""

from learning.enrollment.api import EnrollmentWithdrawn, StudentEnrolled
from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import (
    CompleteModule,
    CourseCompleted,
    CourseProgress,
    ModuleId,
    NotTaught,
    NotYetOpen,
    Progress,
    Status,
    StudentLine,
    Students,
    Transcript,
    TranscriptLine,
)
from learning.learning.domain import (
    CURRICULA,
    Closed,
    Completed,
    CourseRecord,
    LearningEvent,
    ModuleCompleted,
    Opened,
    RecordEvent,
)
from remit import Clock, Context, Freshness, Page, Projection, Repository, Row, View, field

STUDENTS_ON_A_PAGE = 50

learning = Context(
    "learning",
    kind="core",
    owner="team-learning",
    language="learning/learning/language.md",
    events=LearningEvent,
)


@learning.react(StudentEnrolled, EnrollmentWithdrawn)
async def follow_enrollment(
    event: StudentEnrolled | EnrollmentWithdrawn, records: Repository[CourseRecord], clock: Clock
) -> None:
    """Opens and closes records. One reaction to both events, so that no withdrawal overtakes the enrollment it ends."""
    match event:
        case StudentEnrolled():
            records.add(CourseRecord.open(event.enrollment, event.student, event.course, clock.now()))
        case EnrollmentWithdrawn():
            record = await records.find(event.enrollment)
            if record:  # there is none when the enrollment was never confirmed
                record.close(clock.now())


@learning.handle(CompleteModule)
async def complete_module(command: CompleteModule, records: Repository[CourseRecord], clock: Clock) -> CourseProgress:
    record = await records.find(command.enrollment)
    if record is None:
        raise NotYetOpen(enrollment=command.enrollment)
    record.complete_module(command.module, command.score, clock.now())
    return progress_of(record)


@learning.publish(Completed)
def completed(event: Completed) -> CourseCompleted:
    return CourseCompleted(student=event.student, course=event.course, completed_at=event.at)


@learning.answer(Progress)
async def progress(query: Progress, records: Repository[CourseRecord]) -> CourseProgress:
    record = await records.find(query.enrollment)
    if record is None:
        raise NotYetOpen(enrollment=query.enrollment)
    return progress_of(record)


def progress_of(record: CourseRecord) -> CourseProgress:
    return CourseProgress(
        enrollment=record.id,
        course=record.course,
        scores=dict(record.scores),
        missing=record.missing,
        completed_at=record.completed_at,
    )


@learning.project
class TranscriptOf(Projection[StudentId, Opened | ModuleCompleted | Completed]):
    """What one student has begun and completed, with all scores."""

    lines: dict[EnrollmentId, TranscriptLine] = field(default_factory=dict[EnrollmentId, TranscriptLine])

    @staticmethod
    def key(event: Opened | ModuleCompleted | Completed) -> StudentId:
        return event.student

    def evolve(self, event: Opened | ModuleCompleted | Completed) -> None:
        match event:
            case Opened():
                self.lines[event.enrollment] = TranscriptLine(course=event.course, opened_at=event.at)
            case ModuleCompleted():
                line = self.lines[event.enrollment]
                self.lines[event.enrollment] = line.replace(scores={**line.scores, event.module: event.score})
            case Completed():
                self.lines[event.enrollment] = self.lines[event.enrollment].replace(
                    completed_at=event.at, average=event.average
                )


@learning.answer(Transcript)
async def transcript(query: Transcript, view: View[TranscriptOf]) -> list[TranscriptLine]:
    found = await view.find(query.student)
    return sorted(found.lines.values(), key=lambda line: line.opened_at) if found else []


@learning.project
class StudentInCourse(
    Row[EnrollmentId, RecordEvent],
    indexes=[("course", "student"), ("course", "status", "student")],
    freshness=Freshness(warn=60, critical=600),
):
    """How one student stands in one course. Rows, because it is asked for by course and status, sorted, in pages."""

    enrollment: EnrollmentId = EnrollmentId("")
    student: StudentId = StudentId("")
    course: CourseId = CourseId("")
    status: Status = "learning"
    scores: dict[ModuleId, int] = field(default_factory=dict[ModuleId, int])
    average: int | None = None

    @staticmethod
    def key(event: RecordEvent) -> EnrollmentId:
        return event.enrollment

    def evolve(self, event: RecordEvent) -> None:
        match event:
            case Opened():
                self.enrollment, self.student, self.course = event.enrollment, event.student, event.course
            case ModuleCompleted():
                self.scores[event.module] = event.score
            case Completed():
                self.status, self.average = "completed", event.average
            case Closed():
                if self.status == "learning":
                    self.status = "withdrawn"


@learning.answer(Students)
async def students(query: Students, rows: View[StudentInCourse]) -> Page[StudentLine]:
    if query.course not in CURRICULA:
        raise NotTaught(course=query.course)
    found = rows.where(course=query.course, status=query.status) if query.status else rows.where(course=query.course)
    page = await found.order("student").page(limit=STUDENTS_ON_A_PAGE, after=query.after)
    return page.map(line_of)


def line_of(row: StudentInCourse) -> StudentLine:
    return StudentLine(
        student=row.student, enrollment=row.enrollment, status=row.status, scores=row.scores, average=row.average
    )
