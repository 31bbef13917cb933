"""Everything that students can ask, in a form in which two runs of the same cohort can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from learning.driver import COURSES, Client, Directory, Told, students_of

QUERIES = ("enrollments", "invoices", "transcript", "certificates")
STATUSES = ("", "learning", "completed", "withdrawn")
REFUSED = {"?status=absent": 422, "?after=nonsense": 400}
"""Questions about the students of a course that have no answer."""
CROWDED = "team-topologies"
CROWD = 50
"""So many students fill a page of those of a course."""
AT_ONCE = 8


@dataclass
class Answers:
    """By query. What depends on who came first is taken out: times are `True`, numbers of certificates stand apart."""

    by_query: dict[str, tuple[int, list[dict[str, Any]]]] = field(
        default_factory=dict[str, tuple[int, list[dict[str, Any]]]]
    )
    numbers: set[int] = field(default_factory=set[int])

    def differences(self, other: Answers) -> list[str]:
        """Every query that is answered in another way by the other, with both answers."""
        found = [
            f"{query}: {self.by_query.get(query)} here, {other.by_query.get(query)} there"
            for query in sorted(self.by_query.keys() | other.by_query.keys())
            if self.by_query.get(query) != other.by_query.get(query)
        ]
        if self.numbers != other.numbers:
            found.append(f"certificates: {sorted(self.numbers)} here, {sorted(other.numbers)} there")
        return found


def enroll_a_crowd(urls: Sequence[str]) -> list[Told]:
    """More students of one course than a page shows. They do nothing else."""
    directory = Directory(urls)

    def enroll(student: str) -> Told:
        client = Client(directory)
        enrollment = f"{student}.{CROWDED}"
        body = {"enrollment": enrollment, "course": CROWDED}
        answer = client.call("POST", f"/students/{student}/enrollments", body, key=enrollment)
        client.close()
        assert answer == (201, enrollment)
        return Told(student=student, enrolled=[enrollment])

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(enroll, [f"one-of-many-{number:02}" for number in range(CROWD)]))


def ask_everything(urls: Sequence[str], told: Sequence[Told]) -> Answers:
    """The answers to all queries of all students, and of somebody whom nobody knows."""
    directory = Directory(urls)
    answers = Answers()

    def of_student(student: Told) -> list[tuple[str, int, list[dict[str, Any]]]]:
        client = Client(directory)
        try:
            asked: list[tuple[str, int, list[dict[str, Any]]]] = []
            for query in QUERIES:
                path = f"/students/{student.student}/{query}"
                asked.append((path, *client.call("GET", path)))
            for enrollment in (*student.enrolled, *student.refused):
                path = f"/enrollments/{enrollment}/progress"
                status, progress = client.call("GET", path)
                asked.append((path, status, [progress]))
            return asked
        finally:
            client.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for asked in pool.map(of_student, [*told, Told(student="nobody", enrolled=["nothing"])]):
            for path, status, lines in asked:
                answers.by_query[path] = (status, [_comparable(line, answers.numbers) for line in lines])
                if path.endswith("/enrollments"):  # events of different enrollments have no mutual order
                    answers.by_query[path][1].sort(key=lambda line: line["enrollment"])
    _ask_for_courses(directory, answers)
    return answers


def _ask_for_courses(directory: Directory, answers: Answers) -> None:
    """Who is in which course: all of them, and those of each status."""
    client = Client(directory)
    try:
        for course in COURSES:
            for status in STATUSES:
                lines = list(students_of(client, course, status))
                assert lines == sorted(lines, key=lambda line: str(line["student"]))
                answers.by_query[f"/courses/{course}/students?status={status}"] = (200, lines)
        for wrong, code in REFUSED.items():
            path = f"/courses/{COURSES[0]}/students{wrong}"
            assert client.call("GET", path)[0] == code, path
        path = "/courses/alchemy/students"
        answers.by_query[path] = (client.call("GET", path)[0], [])
    finally:
        client.close()


def _comparable(line: dict[str, Any], numbers: set[int]) -> dict[str, Any]:
    if "number" in line:
        numbers.add(line.pop("number"))
    return {name: value is not None if name.endswith("_at") else value for name, value in line.items()}
