"""A cohort of students, played through the platform's HTTP edge by an ordinary client. Nothing here knows `remit`.

The same seed plays the same wishes: who enrolls where, who withdraws, who passes. The server may be killed and started
again at any moment. A student who gets no answer asks again with the same `Idempotency-Key`.

    python -m learning.driver http://127.0.0.1:8000 --students 50 --seed 1
"""

import argparse
import itertools
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection, HTTPException
from select import POLLIN, poll
from threading import Event
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

COURSES = ("domain-modelling", "event-storming", "context-mapping", "team-topologies")
PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.02
NO_CARD = 0.06  # share of students whose payments are refused
WITHDRAWS = 0.15  # share of enrollments that are given up
FAILS_FIRST = 0.3  # share of courses whose first scores are not enough
GIVES_UP = 0.3  # share of those that are not tried again
ASKS_TWICE = 0.1  # share of requests sent a second time, although they were answered


class GaveUp(Exception):
    """No useful answer for longer than anybody would wait."""


class Surprised(Exception):
    """An answer that a student of this platform must never get."""


@dataclass
class Told:
    """What one student was told, to be held against what the platform has kept."""

    student: str
    enrolled: list[str] = field(default_factory=list[str])
    refused: dict[str, str] = field(default_factory=dict[str, str])
    """Name of the refusal by enrollment."""
    withdrawn: list[str] = field(default_factory=list[str])
    completed: list[str] = field(default_factory=list[str])
    retries: int = 0
    failures: int = 0
    """How often one request failed in a row, at most."""


class Directory:
    """Where each path is served. Services say so themselves; several may serve the same path."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = list(urls)
        self._served: list[tuple[re.Pattern[str], list[str]]] = []
        if len(urls) > 1:
            found: dict[str, list[str]] = {}
            for url in urls:
                with urlopen(f"{url}/openapi.json", timeout=15) as answer:  # noqa: S310  # given by whoever plays
                    for path in json.load(answer)["paths"]:
                        found.setdefault(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path)), []).append(url)
            self._served = [(re.compile(pattern), places) for pattern, places in found.items()]

    def places(self, path: str) -> Sequence[str]:
        """The URLs of the services that serve a path, at least one."""
        bare = path.partition("?")[0]
        return next((places for pattern, places in self._served if pattern.fullmatch(bare)), self._urls)


def say_the_same(answer: tuple[int, Any], again: tuple[int, Any]) -> bool:
    """Whether a request that was sent twice was answered alike."""
    return answer == again


class Client:
    """One connection per service, kept open; requests are repeated until they are answered."""

    def __init__(self, directory: Directory, patience: float = PATIENCE_SECONDS) -> None:
        """`patience` is how many seconds it goes on asking for one thing."""
        self._directory = directory
        self._patience = patience
        self._connections: dict[str, HTTPConnection] = {}
        self._asked = ""
        self._turn = random.getrandbits(16)
        """Which of several services that serve the same is asked: another one after each failure."""
        self.retries = 0
        self.failures = 0
        """How often one request failed in a row, at most."""

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> tuple[int, Any]:
        """Status and decoded body of the first answer that is not a failure of the server. Raises `GaveUp`."""
        return self.until(lambda: self.once(method, path, body, key), lambda answer: answer[0] < 500)

    def until(self, ask: Callable[[], tuple[int, Any]], enough: Callable[[tuple[int, Any]], bool]) -> tuple[int, Any]:
        """Asks until an answer comes that is enough. Raises `GaveUp`."""
        end = time.monotonic() + self._patience
        failures = 0
        while time.monotonic() < end:
            try:
                answer = ask()
                if enough(answer):
                    return answer
                failed = answer[0] >= 500
            except (OSError, HTTPException):
                self.close()
                failed = True
            self._turn += failed
            failures += failed
            self.failures = max(self.failures, failures)
            self.retries += 1
            time.sleep(PAUSE_SECONDS)
        raise GaveUp(self._asked)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def once(self, method: str, path: str, body: dict[str, Any] | None = None, key: str = "") -> tuple[int, Any]:
        """Status and decoded body of one request. Raises `OSError`, `HTTPException`."""
        self._asked = f"{method} {path}"
        places = self._directory.places(path)
        connection = self._connect(places[self._turn % len(places)])
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            headers["Idempotency-Key"] = key
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data else None

    def _connect(self, url: str) -> HTTPConnection:
        """The kept connection, or a new one where the service has closed it meanwhile, as clients with a pool do."""
        if url in self._connections and _is_closed(self._connections[url]):
            self._connections.pop(url).close()
        if url not in self._connections:
            at = urlsplit(url)
            self._connections[url] = HTTPConnection(at.hostname or "127.0.0.1", at.port, timeout=15)
        return self._connections[url]


def _is_closed(connection: HTTPConnection) -> bool:
    """Whether the other end has said that it ends: nothing else can be read before a request was sent."""
    if connection.sock is None:
        return False
    looking = poll()
    looking.register(connection.sock, POLLIN)
    return bool(looking.poll(0))


class Student:
    """One student's way through the platform."""

    def __init__(self, client: Client, number: int, seed: int) -> None:
        self._client = client
        self._random = random.Random(f"{seed}/{number}")
        name = f"s{seed}-{number:04d}"
        self.told = Told(student=f"{name}-nocard" if self._random.random() < NO_CARD else name)

    def play(self) -> Told:
        """Enrolls in some courses, withdraws from some, works through the others."""
        for course in self._random.sample(COURSES, k=self._random.randint(1, len(COURSES))):
            enrollment = f"{self.told.student}.{course}"
            self._random = random.Random(enrollment)  # so that no answer changes the wishes for the next course
            withdraws = self._random.random() < WITHDRAWS
            if self._enroll(enrollment, course):
                if withdraws:
                    self._withdraw(enrollment)
                else:
                    self._learn(enrollment)
        self.told.retries, self.told.failures = self._client.retries, self._client.failures
        return self.told

    def _enroll(self, enrollment: str, course: str) -> bool:
        path = f"/students/{self.told.student}/enrollments"
        status, answer = self._send(
            "POST", path, {"enrollment": enrollment, "course": course}, key=f"{enrollment}/enroll"
        )
        if status == 201:
            self.told.enrolled.append(enrollment)
        elif refusal := answer.get("refusal"):
            self.told.refused[enrollment] = refusal
        else:
            raise Surprised(f"POST {path}: {status} {answer}")
        return status == 201

    def _withdraw(self, enrollment: str) -> None:
        path = f"/enrollments/{enrollment}"
        status, answer = self._send("DELETE", path, None, key=f"{enrollment}/withdraw")
        if status >= 300:
            raise Surprised(f"DELETE {path}: {status} {answer}")
        self.told.withdrawn.append(enrollment)
        self._wait_for_refund(enrollment)

    def _wait_for_refund(self, enrollment: str) -> None:
        """Billing hears of it a moment later, and what the next course costs depends on it."""
        path = f"/students/{self.told.student}/invoices"

        def is_refunded(answer: tuple[int, Any]) -> bool:
            return any(line["enrollment"] == enrollment and line["refunded"] for line in answer[1])

        self._client.until(lambda: self._client.call("GET", path), is_refunded)

    def _learn(self, enrollment: str) -> None:
        modules = self._wait_for_record(enrollment)["missing"]
        if self._random.random() < FAILS_FIRST:
            self._complete(enrollment, modules, attempt=1, scores=(20, 45))
            if self._random.random() < GIVES_UP:
                return
        if not self._complete(enrollment, modules, attempt=2, scores=(65, 100)):
            raise Surprised(f"{enrollment} is not completed, in spite of good scores")
        self.told.completed.append(enrollment)

    def _wait_for_record(self, enrollment: str) -> Any:
        """The record is opened by a reaction, soon after the enrollment: 404 until then."""
        path = f"/enrollments/{enrollment}/progress"
        _, progress = self._client.until(lambda: self._client.call("GET", path), lambda answer: answer[0] == 200)
        return progress

    def _complete(self, enrollment: str, modules: list[str], *, attempt: int, scores: tuple[int, int]) -> bool:
        """Whether the course is completed after these modules."""
        completed = False
        for module in modules:
            path = f"/enrollments/{enrollment}/modules/{module}"
            body = {"score": self._random.randint(*scores)}
            status, answer = self._send("POST", path, body, key=f"{enrollment}/{module}/{attempt}")
            if status != 200:
                raise Surprised(f"POST {path}: {status} {answer}")
            completed = answer["completed_at"] is not None
        return completed

    def _send(self, method: str, path: str, body: dict[str, Any] | None, *, key: str) -> tuple[int, Any]:
        """Sends once, or twice with the same key, which must make no difference."""
        answer = self._client.call(method, path, body, key=key)
        if self._random.random() < ASKS_TWICE:
            again = self._client.call(method, path, body, key=key)
            if not say_the_same(answer, again):
                raise Surprised(f"{method} {path}: {answer}, then with the same key {again}")
        return answer


def play(
    urls: str | Sequence[str] | Directory,
    *,
    students: int,
    seed: int = 1,
    at_once: int = 16,
    through: Callable[[int], None] | None = None,
    longer: Callable[[], bool] = lambda: False,
    patience: float = PATIENCE_SECONDS,
) -> list[Told]:
    """Plays the cohort, at most `at_once` students at a time. Raises `GaveUp`, `Surprised`.

    After so many `students` more follow, as long as `longer` says so.

    `urls` are those of all services that serve anything; all of them must answer now, or have done so when their
    `Directory` was made. `through` is told after each student how many have come to
    their end. `patience` is how many seconds a student goes on asking for one thing.
    """
    directory = _directory(urls)

    def one(number: int) -> Told:
        client = Client(directory, patience)
        try:
            return Student(client, number, seed).play()
        finally:
            client.close()

    numbers = itertools.count(1)
    told: dict[int, Told] = {}
    over = Event()

    def some() -> None:
        while not over.is_set() and ((number := next(numbers)) <= students or longer()):
            told[number] = one(number)
            if through is not None:
                through(len(told))

    with ThreadPoolExecutor(at_once) as pool:
        for playing in as_completed([pool.submit(some) for _ in range(at_once)]):
            try:
                playing.result()
            except Exception:
                over.set()  # what one has met, the others need not meet
                raise
    return [told[number] for number in sorted(told)]


def come_to_rest(urls: str | Sequence[str] | Directory) -> None:
    """Returns when every consequence is there: a fresh answer waits for it, so one per context is enough."""
    client = Client(_directory(urls))
    for what in ("enrollments", "invoices", "transcript", "certificates"):
        client.call("GET", f"/students/nobody/{what}?fresh=true")
    client.call("GET", f"/courses/{COURSES[0]}/students?fresh=true")
    client.close()


def students_of(client: Client, course: str, status: str = "") -> Iterator[Any]:
    """The students of a course, page by page: each page says where the next one begins."""
    wanted = {"status": status} if status else {}
    while True:
        path = f"/courses/{course}/students?{urlencode(wanted)}"
        code, page = client.call("GET", path)
        if code != 200:
            raise Surprised(f"GET {path}: {code} {page}")
        yield from page["items"]
        if page["next"] is None:
            return
        wanted["after"] = page["next"]


def _directory(urls: str | Sequence[str] | Directory) -> Directory:
    if isinstance(urls, Directory):
        return urls
    return Directory([urls] if isinstance(urls, str) else urls)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Play a seeded cohort of students. Prints what each was told, as JSON lines."
    )
    parser.add_argument("urls", nargs="+", metavar="url")
    parser.add_argument("--students", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=16)
    options = parser.parse_args()
    for told in play(options.urls, students=options.students, seed=options.seed, at_once=options.at_once):
        print(json.dumps(asdict(told)))


if __name__ == "__main__":
    main()
