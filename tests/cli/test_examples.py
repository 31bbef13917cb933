"""One example of each version is kept, and a later release reads them all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit import Command, Context, DomainEvent, EventSourced, Repository, System
from remit.cli.program import execute
from remit.testing import require_examples
from tests.runtime.work.stall_new import market

OLD, NEW = "tests.runtime.work.stall_old:market", "tests.runtime.work.stall_new:market"

pool = Context("pool")


class Booked(DomainEvent):
    lane: str


class Book(Command[None]):
    lane: str


class Lane(EventSourced[str, Booked]):
    swims: int = 0

    def evolve(self, event: Booked) -> None:
        self.swims += 1


@pool.handle(Book)
async def book(command: Book, lanes: Repository[Lane]) -> None:
    (await lanes.obtain(command.lane)).record(Booked(lane=command.lane))


baths = System("baths", contexts=[pool])
Printed = pytest.CaptureFixture[str]


def run(printed: Printed, command: str, system: str, folder: Path, *options: str, code: int = 0) -> Any:
    assert execute(["examples", command, system, "--folder", str(folder), "--json", *options]) == code
    return json.loads(printed.readouterr().out)


def contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.json"))}


def test_examples_of_an_older_release_are_kept_and_read(tmp_path: Path, capsys: Printed) -> None:
    run(capsys, "update", OLD, tmp_path)
    before = contents(tmp_path)
    assert {"stall/Sold.1.json", "stall/Gift.1.json", "stall/Stand.state.1.json"} <= set(before)
    missing = run(capsys, "check", NEW, tmp_path, code=1)
    assert "stall/Sold.3.json" in {each["file"] for each in missing}
    assert all("there is no example" in each["why"] for each in missing)
    run(capsys, "update", NEW, tmp_path)
    assert {file: text for file, text in contents(tmp_path).items() if file in before} == before
    assert run(capsys, "check", NEW, tmp_path) == []


def test_an_example_that_exists_is_changed_by_force_only(tmp_path: Path, capsys: Printed) -> None:
    run(capsys, "update", OLD, tmp_path)
    before = contents(tmp_path)
    (tmp_path / "stall/Sold.1.json").write_text('{"till": "mine", "price": 7}\n')
    assert run(capsys, "update", OLD, tmp_path)["written"] == []
    assert "mine" in (tmp_path / "stall/Sold.1.json").read_text()
    run(capsys, "update", OLD, tmp_path, "--force")
    assert contents(tmp_path) == before


def test_a_suite_reads_the_examples(tmp_path: Path, capsys: Printed) -> None:
    run(capsys, "update", OLD, tmp_path)
    with pytest.raises(AssertionError, match=r"stall/Sold\.3\.json: there is no example of this version"):
        require_examples(market, tmp_path)
    run(capsys, "update", NEW, tmp_path)
    require_examples(market, tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("stall/Sold.1.json", '{"till": "a"}', "its upcaster raised KeyError: 'price'"),
        ("stall/Gone.1.json", "{}", "nothing reads stall.Gone version 1"),
        ("stall/Stand.state.4.json", '{"id": "a"}', "it has version 4"),
        ("stall/Stand.state.1.json", "{", "truncated"),
        ("stall/some.json", "{}", "no example has this name"),
        ("fair/Sold.1.json", "{}", "no example has this name"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, capsys: Printed, file: str, text: str, why: str) -> None:
    run(capsys, "update", NEW, tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    (fault,) = run(capsys, "check", NEW, tmp_path, code=1)
    assert fault["file"] == file
    assert why in fault["why"]


def test_a_state_from_before_an_aggregate_was_event_sourced_is_still_read(tmp_path: Path, capsys: Printed) -> None:
    system = f"{__name__}:baths"
    assert run(capsys, "update", system, tmp_path)["written"] == ["pool/Booked.1.json"], "it writes no states itself"
    old = tmp_path / "pool/Lane.state.1.json"
    old.write_text('{"id": "a", "swims": 3}\n')
    assert run(capsys, "check", system, tmp_path) == []
    require_examples(baths, tmp_path)
    old.write_text('{"id": "a", "swims": "three"}\n')
    (fault,) = run(capsys, "check", system, tmp_path, code=1)
    assert fault["file"] == "pool/Lane.state.1.json"
    assert "swims" in fault["why"]
