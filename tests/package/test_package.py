"""What is installed is what was written: the wheel is reproducible, its extras resolve, and a new user's page runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.docs.pages import ROOT, Shell, run_page_in

NOBODY = 65534
PAGE = ROOT / "docs" / "five-minutes.md"
LOCKED = ROOT / "requirements" / "run.lock"
USER = None if os.getuid() else NOBODY
"""Who installs the wheel: an ordinary user."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    build(ROOT, folder)
    return folder


def build(source: Path, into: Path, umask: int = -1) -> None:
    """As scripts/build does."""
    epoch = (ROOT / "scripts" / "build").read_text().partition("SOURCE_DATE_EPOCH=")[2].split()[0]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(into)],
        cwd=source, env=os.environ | {"SOURCE_DATE_EPOCH": epoch}, umask=umask, check=True, capture_output=True,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_source_gives_the_same_bytes_elsewhere_and_later(packages: Path, tmp_path: Path) -> None:
    with tarfile.open(next(packages.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path / "elsewhere", filter="data")
    (source,) = (tmp_path / "elsewhere").iterdir()
    for path in source.rglob("*"):
        os.utime(path, (time.time(), time.time() - 86400))
    build(source, tmp_path / "again", umask=0o077)
    assert contents(tmp_path / "again") == contents(packages)


def test_wheel_holds_the_package_and_nothing_else(packages: Path) -> None:
    with ZipFile(next(packages.glob("*.whl"))) as wheel:
        names = wheel.namelist()
    assert {name.partition("/")[0] for name in names} == {"remit", "remit-0.1.0a1.dist-info"}
    assert "remit/py.typed" in names


@pytest.fixture
def folder(packages: Path) -> Iterator[Path]:
    """An empty folder of the user, with the wheel. pytest's own folders may be entered by one user only."""
    folder = Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    shutil.copy(next(packages.glob("*.whl")), folder)
    if USER is not None:
        os.chown(folder, USER, USER)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.timeout(240)
def test_five_minutes_run_from_the_wheel(folder: Path) -> None:
    constraints = folder / ".constraints"
    constraints.write_text("".join(f"{line.split()[0]}\n" for line in LOCKED.read_text().splitlines() if "==" in line))
    shell = Shell(folder / ".venv" / "bin", USER, {"PIP_CONSTRAINT": str(constraints), "HOME": str(folder)})
    run_page_in(folder, PAGE.read_text(), "five-minutes.md", shell)
