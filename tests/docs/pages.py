"""Runs the code blocks of a page, top to bottom, in a folder of the page's own.

What a block does depends on its language:

    python          runs; all of a page share one module; `await` may stand outside a function
    console, sh     each command runs (in console: each line that begins with `$ `); what is shown below a command must
                    come out of it, in this order; `...` or `…` within a line stands for anything
    json, toml      must be well-formed
    text, mermaid, html, http, sql   are only shown

A comment on the line before the block changes that:

    <!-- file: NAME -->              the block is written to NAME, for the commands and imports below it
    <!-- exit: N -->                 the block's last command ends with exit code N
    <!-- serves -->                  the block's last command runs until the page ends, and ends with 0 on SIGTERM
    <!-- serves instead of: COMMAND --> the same, after that other command of the page has been ended
    <!-- runs elsewhere: WHERE -->   the block is not run here; WHERE says what runs it instead

`examples` and `.venv` are found in the page's folder as in a checkout.
"""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Self

from tests.servers.warm import REMIT

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name != "five-minutes.md"),  # runs from the wheel
    *sorted((ROOT / "examples").rglob("*.md")),
]
SECONDS = 120.0

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>\S*)\s*$")
SHELL = re.compile(r"[|&;<>()$`*?~#]|\\")
"""Signs that mean something to a shell, outside quotes at least."""
GIVEN = re.compile(r"(?:env \$\(cat (?P<file>[\w.]+)\) )?(?P<pairs>(?:[A-Z_]+=[\w.:/-]* )*)(?P<command>remit .+)")
"""The command `remit` after variables that are given to it alone."""
COMMENT = re.compile(
    r"^\s*<!-- (?P<name>file|exit|serves|serves instead of|runs elsewhere)(?:: (?P<argument>.+?))? -->$"
)


class PageError(AssertionError):
    """A block that does not do what the page says. Names the page and the line."""


@dataclass(frozen=True)
class Block:
    """One fenced block, with the comment before it."""

    place: str
    line: int
    language: str
    body: str
    comment: str
    argument: str

    def error(self, what: str) -> PageError:
        return PageError(f"{self.place}:{self.line}: {what}")


def blocks(text: str, place: str) -> Iterator[Block]:
    """The fenced blocks of a page. Raises PageError for one without end or with a comment that means nothing."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        fence = FENCE.match(lines[number])
        if fence is not None:
            end = next((n for n in range(number + 1, len(lines)) if lines[n].strip() == fence["ticks"]), None)
            if end is None:
                raise PageError(f"{place}:{number + 1}: the block has no end")
            yield block(lines, number, end, fence["language"], place)
            number = end
        number += 1


def block(lines: list[str], start: int, end: int, language: str, place: str) -> Block:
    before = lines[start - 1] if start else ""
    comment = COMMENT.match(before)
    if comment is None and before.strip().startswith("<!--"):
        raise PageError(f"{place}:{start}: no such comment for a block: {before.strip()}")
    name, argument = (comment["name"], comment["argument"] or "") if comment else ("", "")
    body = textwrap.dedent("\n".join(lines[start + 1 : end])) + "\n"
    return Block(place, start + 1, language, body, name, argument)


def run_page(text: str, place: str, folder: Path) -> None:
    """Run all blocks. Raises PageError, or what a Python block raises."""
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "examples").symlink_to(ROOT / "examples")
    run_page_in(folder, text, place, Shell())


def run_page_in(folder: Path, text: str, place: str, shell: Shell) -> None:
    """Run all blocks in a folder as it is. Raises PageError, or what a Python block raises."""
    with Page(folder, re.sub(r"\W", "_", place), shell) as page:
        for each in blocks(text, place):
            page.run(each)


@dataclass(frozen=True)
class Shell:
    """What the commands of a page find, and who runs them."""

    programs: Path = Path(sys.executable).parent
    """The folder that is searched first. `remit` is only started warm from that of these tests."""
    user: int | None = None
    """The number of the user who runs the commands; the one of these tests unless told otherwise."""
    variables: dict[str, str] = field(default_factory=lambda: {"PYTHONPATH": "examples"})

    def environment(self) -> dict[str, str]:
        """What pip installs is compiled when it is imported. "no" is how this option is turned on."""
        path = os.pathsep.join([str(self.programs), os.environ.get("PATH", "")])
        return os.environ | {"PATH": path, "NO_COLOR": "1", "COLUMNS": "120", "PIP_NO_COMPILE": "no"} | self.variables

    def runs(self, command: str, before: str = "") -> tuple[list[str], dict[str, str]]:
        """What runs a command, and in which environment: a shell, unless it is `remit` with plain arguments, which can
        be started warm."""
        environment = self.environment()
        warm = self.programs == Path(sys.executable).parent and GIVEN.fullmatch(command)
        if warm and not SHELL.search(warm["command"]):
            pairs = [*(Path(warm["file"]).read_text().split() if warm["file"] else ()), *warm["pairs"].split()]
            given = dict(pair.split("=", 1) for pair in pairs)
            return [REMIT, *shlex.split(warm["command"])[1:]], environment | given
        return ["sh", "-c", before + command], environment


@dataclass
class Page:
    """A page while it runs: its folder, its module, and what serves in the background."""

    folder: Path
    name: str
    shell: Shell
    closing: ExitStack = field(default_factory=ExitStack)
    serving: dict[str, ExitStack] = field(default_factory=dict[str, ExitStack])
    """What ends each command that serves."""

    def __enter__(self) -> Self:
        before = Path.cwd(), list(sys.path), dict(sys.modules)
        self.closing.callback(restore, *before)
        os.chdir(self.folder)
        sys.path.insert(0, str(self.folder))
        self.module = sys.modules[self.name] = ModuleType(self.name)
        self.runner = self.closing.enter_context(asyncio.Runner())
        return self

    def __exit__(self, *reason: object) -> None:
        self.closing.close()

    def run(self, each: Block) -> None:
        if each.comment == "runs elsewhere":
            if not each.argument:
                raise each.error("`runs elsewhere` says where")
        elif each.comment == "file":
            self.write(each)
        else:
            self.run_language(each)

    def run_language(self, each: Block) -> None:
        match each.language:
            case "python":
                self.python(each)
            case "console" | "sh":
                self.console(each)
            case "json":
                json.loads(each.body)
            case "toml":
                tomllib.loads(each.body)
            case "text" | "mermaid" | "html" | "http" | "sql":
                pass
            case other:
                raise each.error(f"no way to check a block of language {other!r}")

    def write(self, each: Block) -> None:
        target = self.folder / each.argument
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(each.body)
        importlib.invalidate_caches()
        top = Path(each.argument).parts[0].removesuffix(".py")
        for name in [name for name in sys.modules if name.partition(".")[0] == top]:
            del sys.modules[name]  # another page or an example has a module of this name

    def python(self, each: Block) -> None:
        source = "\n" * each.line + each.body  # so that a traceback shows the page's line
        code = compile(source, each.place, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        if code.co_flags & inspect.CO_COROUTINE:
            self.runner.run(eval(code, vars(self.module)))
        else:
            exec(code, vars(self.module))

    def console(self, each: Block) -> None:
        if each.comment == "serves instead of":
            if each.argument not in self.serving:
                raise each.error(f"`{each.argument}` does not serve")
            self.serving.pop(each.argument).close()
        steps = list(commands(each))
        for command, shown in steps[:-1]:
            self.command(each, command, shown, 0)
        command, shown = steps[-1]
        if each.comment.startswith("serves"):
            self.serve(each, command, shown)
        else:
            self.command(each, command, shown, int(each.argument) if each.comment == "exit" else 0)

    def command(self, each: Block, command: str, shown: list[str], expected: int) -> None:
        words, environment = self.shell.runs(command)
        done = subprocess.run(
            words,
            env=environment,
            user=self.shell.user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != expected:
            raise each.error(f"`{command}` ended with {done.returncode}, not {expected}, and said:\n{done.stdout}")
        if (missing := first_missing(shown, done.stdout)) is not None:
            raise each.error(f"`{command}` did not print {missing!r}, but:\n{done.stdout}")

    def serve(self, each: Block, command: str, shown: list[str]) -> None:
        output = self.folder / f"serves-{each.line}.txt"
        words, environment = self.shell.runs(command, "exec ")
        with output.open("w") as stream:
            process = subprocess.Popen(
                words,
                env=environment,
                user=self.shell.user,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        stopping = self.serving[command] = self.closing.enter_context(ExitStack())
        stopping.callback(stop, process, each, command)
        ends = time.monotonic() + SECONDS
        while (missing := first_missing(shown, output.read_text())) is not None:
            if process.poll() is not None or time.monotonic() > ends:
                raise each.error(f"`{command}` did not print {missing!r}, but:\n{output.read_text()}")
            time.sleep(0.02)


def restore(folder: Path, path: list[str], modules: dict[str, ModuleType]) -> None:
    """Leave the process as it was: its folder, its import path, and its modules but for libraries loaded meanwhile."""
    page = str(Path.cwd())
    os.chdir(folder)
    sys.path[:] = path
    for name in set(sys.modules) - set(modules):
        if (getattr(sys.modules[name], "__file__", None) or page).startswith(page):
            del sys.modules[name]
    sys.modules.update(modules)


def stop(process: subprocess.Popen[bytes], each: Block, command: str) -> None:
    process.terminate()
    try:
        code = process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise each.error(f"`{command}` did not end when asked to") from None
    if code != 0:
        raise each.error(f"`{command}` ended with {code} when asked to end")


def commands(each: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the output shown below it."""
    body = re.sub(r"\\\n\s*(?:> )?", "", each.body)
    lines = [line for line in body.splitlines() if line.strip() and not line.startswith("# ")]
    if each.language == "sh":
        lines = [f"$ {line}" for line in lines]
    if not lines or not lines[0].startswith("$ "):
        raise each.error("a command begins with `$ `")
    starts = [n for n, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield lines[start].removeprefix("$ "), lines[start + 1 : end]


def first_missing(shown: list[str], output: str) -> str | None:
    """The first shown line that does not follow in the output after those before it, or None."""
    remaining = iter(squeeze(line) for line in output.splitlines())
    for line in shown:
        parts = re.split(r"\.\.\.|…", squeeze(line))
        pattern = re.compile(".*".join(re.escape(part) for part in parts))
        if any(parts) and not any(pattern.fullmatch(printed) for printed in remaining):
            return line
    return None


def squeeze(line: str) -> str:
    return " ".join(line.split())
