"""Commands about what is stored find the contexts of a system that gives them by their places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit.cli.program import execute
from remit.testing import require_examples
from tests.cli import placed
from tests.cli.ledger import Open
from tests.cli.ledger import ledger as books
from tests.runtime.work import stall_old as old

MARKET, LEDGER = "tests.cli.placed:market", "tests.cli.placed:ledger"
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


def lived(place: str) -> None:
    with old.market.connect_sync(store=place) as app:
        for number in range(3):
            app.send(old.Name(stand=f"s-{number}", name="Ada Byron"))


def printed(capsys: Printed, *arguments: str) -> Any:
    assert execute([*arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_old_states_are_rewritten(place: str, capsys: Printed) -> None:
    lived(place)
    done = {each["kind"]: each for each in printed(capsys, "upcast", MARKET, "--store", place)}
    assert done["stall.Stand"]["rewritten"] == 3


def test_examples_are_written_and_asked_for(tmp_path: Path, capsys: Printed) -> None:
    with pytest.raises(AssertionError, match=r"stall/Sold\.3\.json: there is no example"):
        require_examples(placed.market, tmp_path)
    written = printed(capsys, "examples", "update", MARKET, "--folder", str(tmp_path))["written"]
    assert "stall/Sold.3.json" in written
    assert printed(capsys, "examples", "check", MARKET, "--folder", str(tmp_path)) == []
    require_examples(placed.market, tmp_path)


def test_a_history_is_shown(place: str, capsys: Printed) -> None:
    with books.connect_sync(store=place) as app:
        app.send(Open(account=1, owner="ada"))
    told = printed(capsys, "history", "books.Account", "1", LEDGER, "--store", place)
    assert told["state"]["owner"] == "ada"


def test_a_read_model_is_rebuilt(place: str, capsys: Printed) -> None:
    lived(place)
    assert printed(capsys, "rebuild", MARKET, "stall.Board", "--store", place, "--changed")["live"] == 2


def test_the_progress_of_rewriting_has_a_total(place: str, capsys: Printed, monkeypatch: pytest.MonkeyPatch) -> None:
    lived(place)
    monkeypatch.setenv("FORCE_COLOR", "1")  # `rich` takes it for a terminal then
    assert execute(["upcast", MARKET, "--store", place]) == 0
    assert "3/3" in capsys.readouterr().err
