"""`remit log archive`, `verify` and `restore` on real stores, and killed on the way."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from remit.cli.program import execute
from remit.hosting.opening import Places, opened
from remit.log import Channel, MessageRecord
from remit.stores import Entry, Unit
from remit.stores.archive import Archive, ArchivedLog
from tests.cli.corner import HowMany, corner
from tests.cli.program import REMIT

SYSTEM = "tests.cli.corner:corner"
PRIVATE = Channel.PRIVATE
Printed = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
COUNT = 3000


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the stores of a test are."""
    if request.param == "sqlite":
        yield f"sqlite:{tmp_path}/{{context}}.db"
    else:
        yield f"{request.getfixturevalue('server')}?schema=a{uuid.uuid4().hex[:12]}_{{context}}"


@pytest.fixture
def files(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


def fill(place: str, context: str = "shop", count: int = COUNT) -> None:
    """Sales of a month ago, and one of today."""

    async def write() -> None:
        async with opened(_at(place), [context]) as stores:
            for start in range(0, count, 500):
                old = [_sold(each, 30) for each in range(start, start + 500)]
                others = [each._replace(channel=Channel.PUBLISHED) for each in old] if context != "shop" else []
                await stores[context].commit(Unit(entries=old + others))
            await stores[context].commit(Unit(entries=[_sold(count, 0)]))

    asyncio.run(write())


def forget(place: str) -> None:
    """The log need not be kept for the projection, which has not reported its position yet."""

    async def forgotten() -> None:
        async with opened(_at(place), ["shop"]) as stores:
            await stores["shop"].forget("shop.Sales")

    asyncio.run(forgotten())


def _at(place: str) -> Places:
    return Places.at(place)


def _sold(number: int, days: int) -> Entry:
    payload = f'{{"article":"a{number % 50}","pieces":1}}'.encode()
    at = time.time() - days * 86_400.0
    return Entry(
        PRIVATE, f"a{number % 50}", str(uuid.uuid4()), "shop.Sold", 1, at, '{"cause":"c","trace":"t"}', payload
    )


def whole(place: str, folder: Path | None = None) -> list[list[MessageRecord]]:
    """The log, with the archive in front of it if that is given."""

    async def read() -> list[list[MessageRecord]]:
        async with opened(_at(place), ["shop"], read_only=True) as stores:
            log = stores["shop"] if folder is None else ArchivedLog(stores["shop"], Archive(folder, "shop"))
            parts: list[list[MessageRecord]] = [[] for _ in range(16)]
            for part, records in enumerate(parts):
                while page := await log.read(PRIVATE, part, records[-1].pos if records else 0, 500):
                    records += page
            return parts

    return asyncio.run(read())


def done(command: str, place: str, *more: str, context: str = "shop", printed: Printed) -> list[dict[str, Any]]:
    assert execute(["log", command, SYSTEM, context, "--store", place, *more, "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(printed.readouterr().out)
    return found


def refused(*arguments: str, printed: Printed) -> dict[str, str]:
    assert execute(["log", *arguments, "--json"]) == 2
    (error,) = json.loads(printed.readouterr().err)["errors"]
    found: dict[str, str] = error
    return found


def test_a_log_is_archived_verified_and_restored(place: str, tmp_path: Path, capsys: Printed) -> None:
    fill(place, count=500)
    before, folder = whole(place), str(tmp_path / "archive")
    (moved,) = done("archive", place, "--to", folder, printed=capsys)
    assert (moved["channel"], moved["done"], moved["deleted"], moved["segments"]) == ("private", 500, 500, 1)
    assert sum(map(len, whole(place))) == 1
    assert whole(place, tmp_path / "archive") == before
    checked = done("verify", place, "--from", folder, printed=capsys)
    assert [each["done"] for each in checked] == [500, 0]
    (restored,) = done("restore", place, "--from", folder, printed=capsys)
    assert restored["done"] == 500
    assert whole(place) == before


def test_a_topology_says_where_the_log_is_and_both_channels_are_archived(tmp_path: Path, capsys: Printed) -> None:
    topology = tmp_path / "corner.toml"
    topology.write_text(
        f'system = "{SYSTEM}"\n[stores]\ndefault = "sqlite:{tmp_path}/{{context}}.db"\n[services.all]\nruns = ["*"]\n'
    )
    fill(str(topology), "fair", count=500)
    folder = tmp_path / "archive"
    assert execute(["log", "archive", str(topology), "fair", "--to", str(folder), "--json"]) == 0
    moved = json.loads(capsys.readouterr().out)
    assert {each["channel"]: each["done"] for each in moved} == {"private": 500, "published": 500}
    assert len(list((folder / "fair").glob("*/*.gz"))) == 2


def test_a_topology_names_the_folder_for_all_commands(tmp_path: Path, capsys: Printed) -> None:
    topology = tmp_path / "corner.toml"
    topology.write_text(
        f'system = "{SYSTEM}"\narchives = "old"\n[stores]\ndefault = "sqlite:{{context}}.db"\n'
        '[services.all]\nruns = ["*"]\n'
    )
    fill(f"sqlite:{tmp_path}/{{context}}.db", count=500)
    rebuild = ["rebuild", str(topology), "shop.Sales", "--pause", "0", "--json"]
    assert execute(rebuild) == 0  # without an archive in the folder, it reads the log
    for command in ("archive", "verify"):
        assert execute(["log", command, str(topology), "shop"]) == 0
    assert (tmp_path / "old" / "shop" / "private").is_dir()
    capsys.readouterr()
    assert execute([*rebuild, "--anew"]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == 50
    assert execute(["log", "restore", str(topology), "shop"]) == 0


@pytest.mark.parametrize(("command", "option"), [("archive", "--to"), ("verify", "--from"), ("restore", "--from")])
def test_without_a_folder_it_says_where_to_name_it(files: str, capsys: Printed, command: str, option: str) -> None:
    error = refused(command, SYSTEM, "shop", "--store", files, printed=capsys)
    assert (error["code"], error["expected"].split(",")[0]) == ("cli.usage", f"{option} FOLDER")


def test_it_tells_people_what_it_did(files: str, tmp_path: Path, capsys: Printed) -> None:
    fill(files, count=500)
    assert execute(["log", "archive", SYSTEM, "shop", "--store", files, "--to", str(tmp_path / "archive")]) == 0
    title, row = capsys.readouterr().out.splitlines()
    assert title.split()[:4] == ["CONTEXT", "CHANNEL", "ARCHIVED", "DELETED"]
    assert row.split()[:6] == ["shop", "private", "500", "500", "500", "1"]
    assert execute(["log", "archive", SYSTEM, "shop", "--store", files, "--to", str(tmp_path / "archive")]) == 0
    assert "nothing was moved: a message is moved once keep=" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("context", "what"),
    [("bank", "no channel of bank is archived; the private one has the streams"), ("museum", "keeps all messages")],
)
def test_what_is_not_archived_is_told(files: str, tmp_path: Path, capsys: Printed, context: str, what: str) -> None:
    error = refused("archive", SYSTEM, context, "--store", files, "--to", str(tmp_path / "x"), printed=capsys)
    assert error["code"] == "archive.refused"
    assert what in error["what"]


def test_an_unknown_context_and_a_missing_archive_are_told(files: str, tmp_path: Path, capsys: Printed) -> None:
    fill(files, count=500)
    given = ("--store", files, "--from", str(tmp_path / "nowhere"))
    assert refused("verify", SYSTEM, "circus", *given, printed=capsys)["code"] == "cli.usage"
    assert refused("verify", SYSTEM, "shop", *given, printed=capsys)["code"] == "archive.refused"
    assert refused("restore", SYSTEM, "shop", *given, printed=capsys)["code"] == "archive.refused"
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_archive_is_told(files: str, tmp_path: Path, capsys: Printed) -> None:
    fill(files, count=500)
    done("archive", files, "--to", str(tmp_path), printed=capsys)
    path = tmp_path / "shop" / "private" / "000001.jsonl.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for command in ("verify", "restore"):
        error = refused(command, SYSTEM, "shop", "--store", files, "--from", str(tmp_path), printed=capsys)
        assert (error["code"], error["where"]) == ("archive.corrupt", str(path))


def test_a_subscription_that_lost_its_source_goes_on_after_a_restore(
    files: str, tmp_path: Path, capsys: Printed
) -> None:
    with corner.connect_sync(store=files) as app:
        app.ask(HowMany(article="a1"), fresh=True)
    fill(files, count=500)
    forget(files)
    (moved,) = done("archive", files, "--to", str(tmp_path / "archive"), printed=capsys)
    assert moved["done"] == 500
    done("restore", files, "--from", str(tmp_path / "archive"), printed=capsys)
    with corner.connect_sync(store=files) as app:
        assert app.ask(HowMany(article="a1"), fresh=True) == 10


def test_a_read_model_is_rebuilt_from_the_archive(place: str, tmp_path: Path, capsys: Printed) -> None:
    fill(place, count=500)
    with corner.connect_sync(store=place) as app:
        assert app.ask(HowMany(article="a1"), fresh=True) == 10
    forget(place)
    done("archive", place, "--to", str(tmp_path / "archive"), printed=capsys)
    rebuild = ["rebuild", SYSTEM, "shop.Sales", "--store", place, "--pause", "0", "--json"]
    assert execute(rebuild) == 2
    error = capsys.readouterr().err
    assert "the beginning of the log of shop was deleted" in error
    assert "remit rebuild --archive FOLDER" in error
    (tmp_path / "empty" / "shop").mkdir(parents=True)
    assert execute([*rebuild, "--archive", str(tmp_path / "empty")]) == 2
    assert "a folder that has the archive of shop from its beginning" in capsys.readouterr().err
    assert execute([*rebuild, "--archive", str(tmp_path / "nowhere")]) == 2
    assert "there is no archive of shop" in capsys.readouterr().err
    assert execute([*rebuild, "--archive", str(tmp_path / "archive")]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["live"], made["handled"], made["documents"], made["before"]) == (2, 501, 50, 50)
    with corner.connect_sync(store=place) as app:
        assert app.ask(HowMany(article="a1"), fresh=True) == 10


def test_a_rebuild_from_a_damaged_archive_changes_nothing(files: str, tmp_path: Path, capsys: Printed) -> None:
    fill(files, count=500)
    done("archive", files, "--to", str(tmp_path), printed=capsys)
    path = tmp_path / "shop" / "private" / "000001.jsonl.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    rebuild = ["rebuild", SYSTEM, "shop.Sales", "--store", files, "--pause", "0", "--json"]
    assert execute([*rebuild, "--archive", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "archive.corrupt" in error
    assert path.name in error


def test_sigkill_at_any_point_loses_nothing(place: str, tmp_path: Path, capsys: Printed) -> None:
    fill(place)
    before, folder = whole(place), tmp_path / "archive"
    killed = 0
    points: list[Callable[[], bool]] = [
        (folder / "shop" / "lock").exists,
        lambda: any((folder / "shop").glob("*/*")),
        lambda: sum(map(len, whole(place))) < COUNT,
        lambda: sum(map(len, whole(place))) < COUNT / 2,
    ]
    for is_there in points:
        with _running("archive", place, "--to", str(folder)) as process:
            _until(lambda: process.poll() is not None or is_there())  # noqa: B023  # it is called in this turn only
            killed += _kill(process)
        assert whole(place, folder) == before
    assert killed
    done("archive", place, "--to", str(folder), printed=capsys)
    assert whole(place, folder) == before
    assert sum(map(len, whole(place))) == 1
    with _running("restore", place, "--from", str(folder)) as process:
        _until(lambda: process.poll() is not None or sum(map(len, whole(place))) > 1)
        killed = _kill(process)
    assert killed
    assert whole(place, folder) == before
    done("restore", place, "--from", str(folder), printed=capsys)
    assert whole(place) == before
    done("verify", place, "--from", str(folder), printed=capsys)


def _running(*command: str) -> subprocess.Popen[bytes]:
    name, place, *more = command
    return subprocess.Popen(
        [REMIT, "log", name, SYSTEM, "shop", "--store", place, *more, "--pause", "0.9"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def _until(holds: Any) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


def _kill(process: subprocess.Popen[bytes]) -> bool:
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL
