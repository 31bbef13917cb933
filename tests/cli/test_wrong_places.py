"""What is wrong in the user's own files is told at the user's line, and wrong names with the right ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.program import DEADLINE, REMIT

HEAD = "from remit import *\nfrom remit.edges import HttpEdge\nc = Context('c')\n"


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([REMIT, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=DEADLINE)


@pytest.mark.parametrize(
    "line",
    [
        "class Bid(DomainEvent, key='bider'): bidder: str",
        "s = System('s', contexts=c)",
        "s = System('s', contexts=[c], edges=HttpEdge('c'))",
    ],
)
def test_an_error_of_a_declaration_is_told_at_the_line_of_the_user(tmp_path: Path, line: str) -> None:
    (tmp_path / "shop.py").write_text(HEAD + line)
    assert f"system.import  {tmp_path}/shop.py:4\n" in ran(tmp_path, "check", "shop").stderr


def test_a_misspelt_topology_file_is_told_with_the_file_that_is_there(tmp_path: Path) -> None:
    said = ran(tmp_path, "check", "split.tml").stderr
    assert "or a topology file: FILE.toml" in said
    (tmp_path / "split.toml").touch()
    assert "Next: did you mean split.toml?" in ran(tmp_path, "check", "split.tml").stderr


def test_a_misspelt_context_is_told_with_those_that_have_stores(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        HEAD + "class Go(Command[None]): ...\n@c.handle(Go)\nasync def go(command: Go) -> None: ...\n"
        "s = System('s', contexts=[c])\n"
    )
    assert ran(tmp_path, "send", "shop", "Go").returncode == 0
    said = ran(tmp_path, "log", "forget", "c.x", "--source", "cc").stderr
    assert "there is no store of cc" in said
    assert "Expected: one of the contexts that have a store here: c\n  Next: did you mean c?" in said


def test_half_of_a_surrogate_pair_is_told_as_that(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        HEAD + "class Go(Command[None]): to: str\n@c.handle(Go)\nasync def go(command: Go) -> None: ...\n"
        "s = System('s', contexts=[c])\n"
    )
    for text in (r"\ud800", r"\ud800 and more of it", r"\udc00 and more"):
        assert "half of a surrogate pair" in ran(tmp_path, "send", "shop", "Go", f'{{"to": "{text}"}}').stderr
    assert ran(tmp_path, "send", "shop", "Go", r'{"to": "\ud83d\ude00"}').returncode == 0


@pytest.mark.parametrize("words", [("check", "shop"), ("check", "shop", "--json")])
def test_output_that_cannot_be_written_is_an_error_without_a_traceback(tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "shop.py").write_text(HEAD + "s = System('s', contexts=[c])\n")
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [REMIT, *words], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
            timeout=DEADLINE,
        )  # fmt: skip
    assert ended.returncode == 2
    assert "cli.output" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interrupt_before_the_command_line_is_loaded_is_quiet() -> None:
    program = (
        "import sys\nclass Interrupted:\n    def find_spec(self, name, *rest):\n"
        "        if name == 'remit.cli.program': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\nfrom remit.cli import main\nmain()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert (ended.returncode, ended.stderr) == (130, "")
