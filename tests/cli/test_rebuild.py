"""An operator rebuilds a read model, goes back, and deletes what is no longer needed."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.cli.program import execute
from remit.hosting.opening import Places, opened
from remit.operations import Rebuild
from remit.stores import load_versions, write_versions
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


def status(printed: Printed, place: str, *options: str) -> str:
    execute(["status", SYSTEM, "--store", place, *options])
    return printed.readouterr().out


def models(printed: Printed, place: str) -> dict[str, Any]:
    return {each.pop("model"): each for each in json.loads(status(printed, place, "--json"))["models"]}


def test_the_status_tells_which_version_is_live_and_what_is_kept(place: str, capsys: Printed) -> None:
    same = {"live": 1, "building": None, "old": None, "kept_until": None, "changed": False,
            "building_parked": 0, "old_parked": 0}  # fmt: skip
    assert models(capsys, place)["stall.Board"] == same
    assert "stall.Board: version" not in status(capsys, place)
    said(capsys, place, "--pause", "0")
    found = models(capsys, place)["stall.Board"]
    assert (found["live"], found["old"], found["changed"]) == (2, 1, False)
    assert found["kept_until"] > time.time() + 23 * 3600
    assert re.search(
        r"stall.Board: version 2 is live; version 1 is kept until 2.*Z for remit rebuild --back", status(capsys, place)
    )
    said(capsys, place, "--retire")
    assert status(capsys, place).endswith("stall.Board: version 2 is live\n")


def test_the_status_tells_that_the_code_has_changed(place: str, capsys: Printed) -> None:
    async def folded_by_other_code() -> None:
        async with opened(Places.at(place), ["stall"]) as stores:
            expected, found = await load_versions(stores["stall"], "stall.Board")
            other = msgspec.structs.replace(found, shapes={1: "other"})
            await write_versions(stores["stall"], "stall.Board", expected, other)

    asyncio.run(folded_by_other_code())
    assert models(capsys, place)["stall.Board"]["changed"]
    told = status(capsys, place)
    assert "stall.Board: version 1 is live; other code has folded it than this release has" in told
    assert "remit rebuild SYSTEM stall.Board" in told


def test_without_json_it_says_which_version_is_live(place: str, capsys: Printed) -> None:
    assert execute(["rebuild", SYSTEM, "stall.Board", "--store", place]) == 0
    assert "stall.Board: version 2 is live, with 0 documents; before, 0" in capsys.readouterr().out
    assert execute(["rebuild", SYSTEM, "stall.Board", "--store", place, "--retire"]) == 0
    assert "stall.Board: versions that were deleted: 1" in capsys.readouterr().out
