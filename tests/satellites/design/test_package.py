"""The distribution `remit-design` holds its package, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.docs.pages import ROOT

PROJECT = ROOT / "satellites" / "remit-design"


def test_wheel_holds_the_package_with_its_types_and_its_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    with ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        scripts = wheel.read(next(name for name in names if name.endswith("entry_points.txt"))).decode()
    assert {name.partition("/")[0] for name in names} == {"remit_design", "remit_design-0.1.0a1.dist-info"}
    assert "remit_design/py.typed" in names
    assert "remit-design = remit_design.commands:main" in scripts


def test_licence_is_that_of_remit() -> None:
    assert (PROJECT / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
