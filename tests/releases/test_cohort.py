"""A cohort is served while parts of the platform run in one release, and parts in the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import pytest

from learning import checker, driver
from learning.driver import Told, come_to_rest, play
from learning.process import Services
from tests.placements.answers import ask_everything
from tests.placements.deployment import deployed
from tests.releases.editions import next_release, this_release

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

HERE = Path(__file__).parent
STUDENTS = 20
SEED = 7


class Code(NamedTuple):
    """The folders of both releases."""

    this: Path
    next: Path


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Code:
    folder = tmp_path_factory.mktemp("releases")
    return Code(this_release(folder / "this"), next_release(folder / "next"))


@pytest.fixture(autouse=True)
def answers_of_two_releases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A repeated request may be answered by the other release: then they agree on what both know."""

    def say_the_same(answer: tuple[int, Any], again: tuple[int, Any]) -> bool:
        (status, one), (status_again, other) = answer, again
        if not (isinstance(answer[1], dict) and isinstance(again[1], dict)):
            return answer == again
        return status == status_again and all(one[field] == other[field] for field in one if field in other)

    monkeypatch.setattr(driver, "say_the_same", say_the_same)


def finish(services: Services, told: list[Told]) -> None:
    """Everything comes to its end, and is as it has to be; nobody has met anything that he could not read."""
    come_to_rest(services.urls)
    answers = ask_everything(services.urls, told)
    assert {status for status, _ in answers.by_query.values()} <= {200, 404}
    assert set(services.stop().values()) == {0}
    assert checker.check(checker.read(services.data), told) == []
    assert list(lost(services.data)) == []
    logs = "".join(service.log() for service in services.services.values())
    assert [line for line in logs.splitlines() if "BadMessage" in line or "message.invalid" in line] == []


def lost(data: Path) -> Iterator[str]:
    """What the next release has stored in its new fields, and is no longer there."""
    stores = checker.read(data)
    billing, enrollment = stores["billing"], stores["enrollment"]
    for event in billing.events(0, "Issued"):
        account = billing.state["Account"][event["student"]]
        invoice = account["invoices"][event["enrollment"]]
        if event.get("points", 0) > account.get("points", 0) or event.get("points", 0) != invoice.get("points", 0):
            yield f"{event} has left {account}"
    for event in enrollment.events(0, "Confirmed"):
        kept = enrollment.state["Enrollment"][event["enrollment"]]
        if event.get("channel", "") != kept.get("channel", ""):
            yield f"{event} has left {kept}"


def releases_in(data: Path) -> dict[str, Counter[str]]:
    """By event, how many messages each release has written."""
    found: dict[str, Counter[str]] = {}
    for context, name, field in (
        ("enrollment", "Confirmed", "channel"),
        ("billing", "Issued", "points"),
        ("learning", "Opened", "heard"),
    ):
        events = checker.read(data)[context].events(0, name)
        found[name] = Counter("next" if field in event else "this" for event in events)
    return found


@pytest.mark.parametrize(("topology", "ahead"), [("mixed", "write"), ("mixed-nats", "read")])
def test_both_releases_serve_at_once(topology: str, ahead: str, code: Code, tmp_path: Path) -> None:
    with deployed(HERE / f"{topology}.toml", tmp_path) as (services, _):
        for name, service in services.services.items():
            service.code = code.next if name in ("enrollment#1", "billing#2", ahead) else code.this
        services.start()
        finish(services, play(services.urls, students=STUDENTS, seed=SEED))
        found = releases_in(services.data)
        assert min(found["Confirmed"]["this"], found["Confirmed"]["next"]) > 0
        assert min(found["Issued"]["this"], found["Issued"]["next"]) > 0
        assert set(found["Opened"]) == {"next" if ahead == "write" else "this"}


@pytest.mark.timeout(240)
def test_a_release_is_rolled_out_and_back_while_students_play(code: Code, tmp_path: Path) -> None:
    with deployed(HERE / "mixed-nats.toml", tmp_path) as (services, _):
        for service in services.services.values():
            service.code = code.this
        services.start()
        told: list[Told] = []
        moves = [(name, release) for release in (code.next, code.this) for name in services.services]
        for seed, (name, release) in enumerate(moves):
            told += played_meanwhile(services, seed, partial(replace, services, name, release))
        finish(services, told)
        found = releases_in(services.data)
        assert all(min(found[name]["this"], found[name]["next"]) > 0 for name in ("Confirmed", "Issued", "Opened"))


def replace(services: Services, name: str, release: Path) -> None:
    """One process ends, and another one of this release takes its place."""
    assert services[name].stop() == 0
    services[name].code = release
    services[name].start()


def played_meanwhile(services: Services, seed: int, move: Callable[[], None]) -> list[Told]:
    """What students are told who play while something happens: after the first has come to an end, before the last."""
    begun = Event()

    def play_on() -> list[Told]:
        try:
            return play(services.urls, students=4, seed=seed, at_once=2, through=lambda _: begun.set())
        finally:
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        playing = pool.submit(play_on)
        begun.wait()
        move()
        return playing.result()
