"""The scripts a newcomer and continuous integration call can be called."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCED = {"environment"}
CALLED = [*(path for path in sorted((ROOT / "scripts").iterdir()) if path.name not in SOURCED), ROOT / ".ci" / "run"]


@pytest.mark.parametrize("path", CALLED, ids=lambda path: path.name)
def test_a_script_is_executable_and_its_shell_can_read_it(path: Path) -> None:
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", path], check=True)
