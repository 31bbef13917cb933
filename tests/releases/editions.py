"""The learning platform in two releases: as it lies in the examples, and one that adds to all that travels and is kept.

What is added is used: in the next release each message, document and aggregate says something in its new fields.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"

Edits = Mapping[str, Sequence[tuple[str, str]]]
"""By file: what stands there once, and what stands there in the next release."""

ENROLLMENT: Edits = {
    "enrollment/api.py": [
        ("from typing import Literal\n", "from datetime import datetime\nfrom typing import Literal\n"),
        (
            "    course: CourseId\n\n\nclass EnrollmentWithdrawn",
            """    course: CourseId
    channel: str = ""


class StudentEnrolled2(IntegrationEvent, name="StudentEnrolled", version=2, key="student"):
    enrollment: EnrollmentId
    student: StudentId
    course: CourseId
    confirmed_at: datetime


class EnrollmentWithdrawn""",
        ),
        ('    reason: str = ""\n', '    reason: str = ""\n    channel: str = ""\n'),
    ],
    "enrollment/domain.py": [
        (
            "    at: datetime\n\n\nclass Withdrawn",
            '    at: datetime\n    channel: str = ""\n\n\nclass Withdrawn',
        ),
        ('    reason: str = ""\n', '    reason: str = ""\n    channel: str = ""\n'),
        ('self.status = "confirmed"\n', 'self.status, self.channel = "confirmed", "web"\n'),
        ("course=self.course, at=at)", 'course=self.course, at=at, channel="web")'),
    ],
    "enrollment/handlers.py": [
        ("    StudentEnrolled,\n", "    StudentEnrolled,\n    StudentEnrolled2,\n"),
        (
            "    return StudentEnrolled(enrollment=event.enrollment, student=event.student, course=event.course)\n",
            """    return StudentEnrolled(
        enrollment=event.enrollment, student=event.student, course=event.course, channel=event.channel
    )


@enrollment.publish(Confirmed)
def enrolled_2(event: Confirmed) -> StudentEnrolled2:
    return StudentEnrolled2(
        enrollment=event.enrollment, student=event.student, course=event.course, confirmed_at=event.at
    )
""",
        ),
        ('.replace(status="confirmed")', '.replace(status="confirmed", channel=event.channel)'),
    ],
}
BILLING: Edits = {
    "billing/api.py": [
        (
            "    course: CourseId\n\n\nclass InvoiceLine",
            '    course: CourseId\n    voucher: str = ""\n\n\nclass InvoiceLine',
        ),
        ("    refunded: bool = False\n", "    refunded: bool = False\n    points: int = 0\n"),
        (
            'oldest first."""\n\n    student: StudentId\n',
            'oldest first."""\n\n    student: StudentId\n    at_most: int = 99\n',
        ),
    ],
    "billing/domain.py": [
        ("    at: datetime\n\n\nclass Refunded", "    at: datetime\n    points: int = 0\n\n\nclass Refunded"),
        ("    refunded: bool = False\n", "    refunded: bool = False\n    points: int = 0\n"),
        ("    given_up: list[EnrollmentId] =", "    points: int = 0\n    given_up: list[EnrollmentId] ="),
        (
            "course=course, amount=amount)\n",
            "course=course, amount=amount, points=self.points + 1)\n        self.points += 1\n",
        ),
        ("                course=course,\n", "                course=course,\n                points=self.points,\n"),
    ],
    "billing/handlers.py": [
        (
            "                    amount=event.amount,\n",
            "                    amount=event.amount,\n                    points=event.points,\n",
        ),
    ],
}
LEARNING: Edits = {
    "learning/api.py": [
        ("    scores: dict[ModuleId, int] = field(", "    heard: int = 0\n    scores: dict[ModuleId, int] = field("),
        (
            "    scores: dict[ModuleId, int]\n    average:",
            "    scores: dict[ModuleId, int]\n    heard: int = 0\n    average:",
        ),
        ("    missing: list[ModuleId]\n", "    missing: list[ModuleId]\n    heard: int = 0\n"),
    ],
    "learning/domain.py": [
        (
            "    at: datetime\n\n\nclass ModuleCompleted",
            "    at: datetime\n    heard: int = 0\n\n\nclass ModuleCompleted",
        ),
        ("    closed: bool = False\n", "    closed: bool = False\n    heard: int = 0\n"),
        ("at: datetime) -> CourseRecord:", "at: datetime, heard: int) -> CourseRecord:"),
        ("event.course, event.at\n", "event.course, event.at\n                self.heard = event.heard\n"),
        ("course=course, at=at))\n        return record", "course=course, at=at, heard=heard))\n        return record"),
    ],
    "learning/handlers.py": [
        ("EnrollmentWithdrawn, StudentEnrolled\n", "EnrollmentWithdrawn, StudentEnrolled, StudentEnrolled2\n"),
        ("    event: StudentEnrolled |", "    event: StudentEnrolled | StudentEnrolled2 |"),
        (
            "        case StudentEnrolled():\n",
            """        case StudentEnrolled() | StudentEnrolled2():
            heard = 1 if isinstance(event, StudentEnrolled) else 2
""",
        ),
        ("event.course, clock.now()))\n", "event.course, clock.now(), heard))\n"),
        (
            "@learning.react(StudentEnrolled, EnrollmentWithdrawn)\n",
            "@learning.react(StudentEnrolled, StudentEnrolled2, EnrollmentWithdrawn)\n",
        ),
        ("        missing=record.missing,\n", "        missing=record.missing,\n        heard=record.heard,\n"),
        ("opened_at=event.at)\n", "opened_at=event.at, heard=event.heard)\n"),
        ('    status: Status = "learning"\n', '    status: Status = "learning"\n    heard: int = 0\n'),
        (
            "event.enrollment, event.student, event.course\n",
            "event.enrollment, event.student, event.course\n                self.heard = event.heard\n",
        ),
        ("scores=row.scores, average", "scores=row.scores, heard=row.heard, average"),
    ],
}

STORED_AS_STATE: Edits = {
    "learning/domain.py": [
        ("from remit import DomainEvent, EventSourced, Value", "from remit import Aggregate, DomainEvent, Value"),
        ("class CourseRecord(EventSourced[", "class CourseRecord(Aggregate["),
        (
            "    def evolve(self, event: RecordEvent) -> None:\n",
            """    def record(self, event: RecordEvent) -> None:
        self.evolve(event)
        if not isinstance(event, Closed):
            super().record(event)

    def evolve(self, event: RecordEvent) -> None:
""",
        ),
    ],
}


def this_release(folder: Path) -> Path:
    """A copy of the platform's code."""
    shutil.copytree(EXAMPLES / "learning", folder / "learning", ignore=shutil.ignore_patterns("topologies", "data"))
    return folder


def next_release(folder: Path) -> Path:
    """The next release of it. Raises `ValueError` when the examples have changed so that an edit fits no more."""
    this_release(folder)
    for file, edits in {**ENROLLMENT, **BILLING, **LEARNING}.items():
        path = folder / "learning" / file
        path.write_text(edited(path.read_text(), edits))
    return folder


def earlier_release(folder: Path) -> Path:
    """The release before, which stored course records as state. Raises `ValueError` as `next_release`."""
    this_release(folder)
    for file, edits in STORED_AS_STATE.items():
        path = folder / "learning" / file
        path.write_text(edited(path.read_text(), edits))
    return folder


def edited(text: str, edits: Sequence[tuple[str, str]]) -> str:
    """A text in the next release. Raises `ValueError` for an edit that does not fit in one place."""
    for old, new in edits:
        if text.count(old) != 1:
            raise ValueError(f"{text.count(old)} times in the examples: {old!r}")
        text = text.replace(old, new)
    return text
