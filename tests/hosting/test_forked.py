"""A process that is forked off from one that is connected: it is told so at once, and does its parent no harm."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parent / "programs" / "forked.py"
REFUSED = "child call.failed: this process was forked off after the system was connected"


def said(store: str) -> list[str]:
    """What parent and child print."""
    command = [sys.executable, "-W", "ignore", str(PROGRAM), store]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_beside_a_file(tmp_path: Path) -> None:
    assert said(f"sqlite:{tmp_path}/{{context}}.db") == [
        "parent 1",
        REFUSED,
        "child store.unusable: this process was forked off while the file was open in it",
        "child ended with 7",
        "parent 2",
    ]


def test_beside_a_database(server: str) -> None:
    assert said(f"{server}{'&' if '?' in server else '?'}schema=forked") == [
        "parent 1",
        REFUSED,
        "child 1",
        "child ended with 7",
        "parent 2",
    ]
