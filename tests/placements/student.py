"""A student of a platform whose parts may be away, and what she does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from learning import checker
from learning.driver import Directory, come_to_rest
from learning.process import Services

RECOVERY_SECONDS = 10.0
"""How long after everything is back something may be half done: the pause between two tries, and the try."""


MARGIN_SECONDS = 3.0
"""How much later than its deadline an answer may come on a busy machine."""


class Answer(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    body: Any
    seconds: float


class Ada:
    """One student, and what she does. Her enrollment has the same key whenever she asks for it."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.directory = Directory(services.urls)

    def ask(self, method: str, path: str, body: Any = None, *, key: str = "", deadline: float = 10.0) -> Answer:
        headers = {"Content-Type": "application/json", "Request-Timeout": str(deadline)}
        if key:
            headers["Idempotency-Key"] = key
        (url,) = self.directory.places(path)
        data = None if body is None else json.dumps(body).encode()
        begun = time.monotonic()
        try:
            with urlopen(Request(f"{url}{path}", data, headers, method=method), timeout=60) as answer:
                status, said = answer.status, answer.read()
        except HTTPError as error:
            with error:
                status, said = error.code, error.read()
        return Answer(status, json.loads(said or "null"), time.monotonic() - begun)

    def enrolls(self, *, deadline: float = 10.0) -> Answer:
        body = {"enrollment": "e-1", "course": "event-storming"}
        return self.ask("POST", "/students/ada/enrollments", body, key="ada-1", deadline=deadline)

    def completes(self) -> None:
        """Her record is there, and she passes the course."""
        until(lambda: self.ask("GET", "/enrollments/e-1/progress").status == 200)
        answers = [
            self.ask("POST", f"/enrollments/e-1/modules/{module}", {"score": 90})
            for module in ("big-picture", "design-level")
        ]
        assert [answer.status for answer in answers] == [200, 200], answers
        assert answers[-1].body["completed_at"] is not None

    def sees(self, what: str) -> list[Any]:
        """The lines of one of her lists."""
        answer = self.ask("GET", f"/students/ada/{what}")
        assert answer.status == 200, answer
        lines: list[Any] = answer.body
        return lines

    def is_enrolled(self) -> bool:
        """Whether that is all there is: nothing pending, nothing twice."""
        return [line["status"] for line in self.sees("enrollments")] == ["confirmed"]

    def leaves(self) -> None:
        """Everything comes to rest and ends, and there is nothing to find."""
        come_to_rest(self.directory)
        assert set(self.services.stop().values()) == {0}
        assert checker.check(checker.read(self.services.data)) == []


def until(holds: Callable[[], bool], seconds: float = RECOVERY_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it does not come to hold"
        time.sleep(0.05)
