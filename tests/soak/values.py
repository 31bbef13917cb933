"""The properties of `tests/values`, with more examples, and others than in a run of all tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def go_through(examples: int, seed: int) -> int:
    """Runs them with so many times more examples. The exit code of pytest."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--timeout", "0", f"--hypothesis-seed={seed}"]
    environment = os.environ | {"REMIT_TEST_EXAMPLES": str(examples)}
    return subprocess.run([*command, "tests/values"], cwd=ROOT, env=environment, check=False).returncode
