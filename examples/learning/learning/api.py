"""The published language of learning."""

__context__ = "learning"

from datetime import datetime
from typing import Literal

from learning.ids import CourseId, EnrollmentId, StudentId
from remit import Command, IntegrationEvent, Page, Query, Refusal, Value, field
from remit.values import Identifier

Status = Literal["learning", "completed", "withdrawn"]
"""How a student stands in a course. Who has completed it stays that, also after a withdrawal."""


class ModuleId(Identifier): ...


class NotYetOpen(Refusal):
    """There is no course record for this enrollment: it is not confirmed, or the record is still on its way."""

    enrollment: EnrollmentId


class RecordClosed(Refusal):
    """The student has withdrawn from the course."""

    enrollment: EnrollmentId


class NotInCourse(Refusal):
    """The course has no such module."""

    module: ModuleId


class NotTaught(Refusal):
    """There is no such course."""

    course: CourseId


class ScoreOutOfRange(Refusal):
    """A score is a whole number from 0 to 100."""

    score: int


class CourseProgress(Value):
    enrollment: EnrollmentId
    course: CourseId
    scores: dict[ModuleId, int]
    missing: list[ModuleId]
    completed_at: datetime | None = None


class CompleteModule(Command[CourseProgress, NotYetOpen | RecordClosed | NotInCourse | ScoreOutOfRange]):
    """Record the score of a module. The last score of a module counts, until the course is completed."""

    enrollment: EnrollmentId
    module: ModuleId
    score: int


class CourseCompleted(IntegrationEvent, version=1, key="student"):
    """A student has met the completion criteria of a course."""

    student: StudentId
    course: CourseId
    completed_at: datetime


class Progress(Query[CourseProgress, NotYetOpen]):
    """How far a student is in one course."""

    enrollment: EnrollmentId


class TranscriptLine(Value):
    course: CourseId
    opened_at: datetime
    completed_at: datetime | None = None
    average: int | None = None
    scores: dict[ModuleId, int] = field(default_factory=dict[ModuleId, int])


class Transcript(Query[list[TranscriptLine]]):
    """Everything a student has begun or completed, with the last score of each module, oldest first."""

    student: StudentId


class StudentLine(Value):
    student: StudentId
    enrollment: EnrollmentId
    status: Status
    scores: dict[ModuleId, int]
    average: int | None = None


class Students(Query[Page[StudentLine], NotTaught]):
    """The students of a course, all of them or those of one status, by name; 50 on a page.

    `after` is the `next` of the page before.
    """

    course: CourseId
    status: Status | None = None
    after: str | None = None
