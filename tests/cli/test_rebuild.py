"""An operator rebuilds a read model, goes back, and deletes what is no longer needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from remit.cli.program import execute
from remit.operations import Rebuild
from tests.runtime.work import stall_new as market

SYSTEM = "tests.runtime.work.stall_new:market"
Printed = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    defaults: Any = Rebuild.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "linger", 0.0)  # no service has to notice a switch
    with market.market.connect_sync(store=f"sqlite:{tmp_path}/{{context}}.db"):
        pass
    return f"sqlite:{tmp_path}/{{context}}.db"


def said(printed: Printed, place: str, *options: str, code: int = 0) -> Any:
    assert execute(["rebuild", SYSTEM, "stall.Board", "--store", place, "--json", *options]) == code
    out = printed.readouterr()
    return out.err if code else json.loads(out.out)


def test_a_read_model_is_rebuilt_gone_back_from_and_retired(place: str, capsys: Printed) -> None:
    assert said(capsys, place, "--pause", "0")["live"] == 2
    assert said(capsys, place, "--back")["live"] == 1
    assert said(capsys, place, "--back")["live"] == 2
    assert said(capsys, place, "--retire") == {"model": "stall.Board", "deleted": 1}
    assert "there is no version to go back to" in said(capsys, place, "--back", code=2)
    assert "there is no version to retire" in said(capsys, place, "--retire", code=2)


def test_without_json_it_says_which_version_is_live(place: str, capsys: Printed) -> None:
    assert execute(["rebuild", SYSTEM, "stall.Board", "--store", place]) == 0
    assert "stall.Board: version 2 is live, with 0 documents; before, 0" in capsys.readouterr().out
    assert execute(["rebuild", SYSTEM, "stall.Board", "--store", place, "--retire"]) == 0
    assert "stall.Board: versions that were deleted: 1" in capsys.readouterr().out
