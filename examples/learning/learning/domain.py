"""Course records and completion criteria."""

from __future__ import annotations

from datetime import UTC, datetime

from learning.ids import CourseId, EnrollmentId, StudentId
from learning.learning.api import ModuleId, NotInCourse, RecordClosed, ScoreOutOfRange
from remit import DomainEvent, EventSourced, Value, field

NEVER = datetime.min.replace(tzinfo=UTC)


class Curriculum(Value):
    """What belongs to a course, and the average score that is enough."""

    modules: tuple[ModuleId, ...]
    pass_average: int = 60

    def average(self, scores: dict[ModuleId, int]) -> int:
        """The average score, rounded down; a module without a score counts as 0."""
        return sum(scores.get(module, 0) for module in self.modules) // len(self.modules)

    def met_by(self, scores: dict[ModuleId, int]) -> bool:
        """The completion criteria: every module has a score, and the average is high enough."""
        return all(module in scores for module in self.modules) and self.average(scores) >= self.pass_average


def curriculum(*modules: str, pass_average: int = 60) -> Curriculum:
    return Curriculum(modules=tuple(ModuleId(module) for module in modules), pass_average=pass_average)


CURRICULA = {
    CourseId("domain-modelling"): curriculum("language", "aggregates", "events"),
    CourseId("event-storming"): curriculum("big-picture", "design-level"),
    CourseId("context-mapping"): curriculum("relations", "translation", "ownership"),
    CourseId("team-topologies"): curriculum("teams", "interactions", pass_average=50),
}


class LearningEvent(DomainEvent):
    """Something that happened in learning."""


class Opened(LearningEvent):
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    at: datetime


class ModuleCompleted(LearningEvent):
    enrollment: EnrollmentId
    student: StudentId
    module: ModuleId
    score: int
    at: datetime


class Completed(LearningEvent):
    """The course is passed. Rich and private; others see `CourseCompleted`."""

    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    scores: dict[ModuleId, int]
    average: int
    pass_average: int
    opened_at: datetime
    at: datetime


class Closed(LearningEvent):
    """The student has withdrawn."""

    enrollment: EnrollmentId
    student: StudentId
    at: datetime


RecordEvent = Opened | ModuleCompleted | Completed | Closed


class CourseRecord(EventSourced[EnrollmentId, RecordEvent]):
    """What one student does in one course.

    It is stored as its events. Only the last score of a module counts, but a student may ask how it came about:
    `remit history learning.CourseRecord ENROLLMENT` shows every score.
    """

    student: StudentId = StudentId("")
    course: CourseId = CourseId("")
    opened_at: datetime = NEVER
    scores: dict[ModuleId, int] = field(default_factory=dict[ModuleId, int])
    completed_at: datetime | None = None
    closed: bool = False

    @staticmethod
    def open(enrollment: EnrollmentId, student: StudentId, course: CourseId, at: datetime) -> CourseRecord:
        """A new record. Raises `KeyError` for a course without a curriculum: somebody has to write one first."""
        _ = CURRICULA[course]
        record = CourseRecord(id=enrollment)
        record.record(Opened(enrollment=enrollment, student=student, course=course, at=at))
        return record

    def evolve(self, event: RecordEvent) -> None:
        match event:
            case Opened():
                self.student, self.course, self.opened_at = event.student, event.course, event.at
            case ModuleCompleted():
                self.scores[event.module] = event.score
            case Completed():
                self.completed_at = event.at
            case Closed():
                self.closed = True

    @property
    def missing(self) -> list[ModuleId]:
        """The modules without a score, in the order of the course."""
        return [module for module in CURRICULA[self.course].modules if module not in self.scores]

    def complete_module(self, module: ModuleId, score: int, at: datetime) -> None:
        """Takes a score; with the one that meets the criteria the course is completed, and scores are final.

        Raises `RecordClosed`, `NotInCourse`, `ScoreOutOfRange`.
        """
        criteria = CURRICULA[self.course]
        if self.closed:
            raise RecordClosed(enrollment=self.id)
        if module not in criteria.modules:
            raise NotInCourse(module=module)
        if not 0 <= score <= 100:
            raise ScoreOutOfRange(score=score)
        if self.completed_at:
            return
        self.record(ModuleCompleted(enrollment=self.id, student=self.student, module=module, score=score, at=at))
        if criteria.met_by(self.scores):
            self._complete(criteria, at)

    def close(self, at: datetime) -> None:
        """The student has withdrawn. Once is enough."""
        if not self.closed:
            self.record(Closed(enrollment=self.id, student=self.student, at=at))

    def _complete(self, criteria: Curriculum, at: datetime) -> None:
        self.record(
            Completed(
                enrollment=self.id,
                student=self.student,
                course=self.course,
                scores=dict(self.scores),
                average=criteria.average(self.scores),
                pass_average=criteria.pass_average,
                opened_at=self.opened_at,
                at=at,
            )
        )
