"""The published language of certification."""

__context__ = "certification"

from datetime import datetime

from learning.ids import CourseId, StudentId
from remit import Query, Value


class Certificate(Value):
    number: int
    course: CourseId
    completed_at: datetime
    issued_at: datetime


class Certificates(Query[list[Certificate]]):
    """The certificates of a student, in the order of their numbers."""

    student: StudentId
