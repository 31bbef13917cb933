"""The identities by which the contexts refer to each other's things. Nothing else is shared between them."""

from typing import NewType

StudentId = NewType("StudentId", str)
CourseId = NewType("CourseId", str)
EnrollmentId = NewType("EnrollmentId", str)
