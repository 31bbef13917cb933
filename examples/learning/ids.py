"""The identities by which the contexts refer to each other's things. Nothing else is shared between them."""

from remit.values import Identifier


class StudentId(Identifier): ...


class CourseId(Identifier): ...


class EnrollmentId(Identifier): ...
