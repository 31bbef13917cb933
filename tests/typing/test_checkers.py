"""Both type checkers accept the programs and find every mistake, each where it is marked, and nothing else."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = ["programs.py", "mistakes.py"]
MARK = re.compile(r"  # wrong(?: \((?P<checker>mypy|pyright)\))?: ")
MYPY_ERROR = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+):(?:\d+:)? error: (?P<text>.*)$")

Reported = dict[str, dict[int, str]]


def mypy(cache: Path) -> Reported:
    """What mypy says, by file and line. `cache` is a folder of its own: the options differ from the repository's."""
    options = ["--strict", "--warn-unreachable", "--config-file=", f"--cache-dir={cache}", "--no-error-summary"]
    environment = {**os.environ, "MYPYPATH": str(HERE.parents[1] / "src")}
    output = run([sys.executable, "-m", "mypy", *options, *FILES], environment)
    reported: Reported = defaultdict(dict)
    for error in filter(None, map(MYPY_ERROR.match, output.splitlines())):
        reported[error["file"]].setdefault(int(error["line"]), error["text"])
    return reported


def pyright(_cache: Path) -> Reported:
    """What pyright says, by file and line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "--project", "."]
    reported: Reported = defaultdict(dict)
    for found in json.loads(run(command, dict(os.environ)))["generalDiagnostics"]:
        line = found["range"]["start"]["line"] + 1
        reported[Path(found["file"]).name].setdefault(line, found["message"].splitlines()[0])
    return reported


def run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=HERE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, f"the mistakes are found, and the checker itself works:\n{done.stdout}{done.stderr}"
    return done.stdout


def differences(file: str, checker: str, reported: dict[int, str]) -> list[str]:
    """Where a checker and the marks of a file disagree, one sentence per line."""
    found: list[str] = []
    for number, line in enumerate((HERE / file).read_text().splitlines(), 1):
        mark = MARK.search(line)
        expected = mark is not None and mark["checker"] in (None, checker)
        if expected and number not in reported:
            found.append(f"{file}:{number}: no error, but marked: {line.strip()}")
        if not expected and number in reported:
            found.append(f"{file}:{number}: not marked, but reported: {reported[number]}")
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("check", [mypy, pyright])
def test_a_checker_reports_the_marked_lines_and_no_other(check: Callable[[Path], Reported], tmp_path: Path) -> None:
    reported = check(tmp_path)
    assert [each for file in FILES for each in differences(file, check.__name__, reported.get(file, {}))] == []


def test_the_marks_are_seen() -> None:
    text = (HERE / "mistakes.py").read_text()
    assert len(MARK.findall(text)) == text.count("# wrong") - 1, "every mark but the explanation's is read as one"
    assert differences("mistakes.py", "mypy", {1: "an error"})[0] == "mistakes.py:1: not marked, but reported: an error"
    assert "no error, but marked: PlaceOrder(order, 12)" in "\n".join(differences("mistakes.py", "mypy", {}))
    assert MARK.search((HERE / "programs.py").read_text()) is None
