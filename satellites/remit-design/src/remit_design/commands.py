"""The command `remit-design`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from remit.boundaries import MAP_FILE
from remit.errors import Finding, Findings, ModelError, RemitError
from remit_design.design import check_cml, export_here, export_map, export_system, import_cml

HERE = "."
"""What stands here: the system that `pyproject.toml` names, or else the map."""
DONE, FOUND, CANNOT = 0, 1, 2
"""Exit codes: done; the input has findings; it cannot be done as asked."""


def main() -> None:
    """The console script. Ends the process: 0 done, 1 the input has findings, 2 it cannot be done as asked."""
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Executes one command line and returns the exit code."""
    given = _parser().parse_args(arguments)
    match given.command:
        case "import":
            return _import(given.file, given.to)
        case "export":
            return _export(given.source, given.to)
        case _:
            return _check(given.file)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="remit-design", description="CML, the language of Context Mapper, and remit.")
    parser.add_argument("--version", action="version", version=f"remit-design {version('remit-design')}")
    commands = parser.add_subparsers(dest="command", required=True)
    into = commands.add_parser("import", help="write remit-map.toml from a CML file")
    into.add_argument("file", type=Path, metavar="FILE", help="the CML file")
    into.add_argument("--to", type=Path, default=Path(MAP_FILE), help=f"the file to write (default: {MAP_FILE})")
    out = commands.add_parser("export", help="write CML from a map or a system")
    what = f"a map, or a system at module:attribute (default: the system that pyproject.toml names, or {MAP_FILE})"
    out.add_argument("source", nargs="?", default=HERE, metavar="MAP|SYSTEM", help=what)
    out.add_argument("--to", type=Path, help="the file to write (default: standard output)")
    judged = commands.add_parser("check", help="say what is wrong with a CML file")
    judged.add_argument("file", type=Path, metavar="FILE", help="the CML file")
    return parser


def _tell(findings: list[Finding]) -> None:
    for finding in findings:
        print(finding, file=sys.stderr)


def _import(file: Path, to: Path) -> int:
    text, found = import_cml(file)
    if found:
        _tell(found)
        return FOUND
    left = [note for note in found.notes if note.code == "cml.not-taken-over"]
    for note in left:
        print(f"not taken over  {note.where}  {note.what}")
    others = len(found.notes) - len(left)
    if others:
        print(f"{others} warning(s): remit-design check {file}")
    return _write(to, text)


def _export(source: str, to: Path | None) -> int:
    try:
        if source == HERE:
            text, found = export_here()
        else:
            text, found = export_map(Path(source)) if source.endswith(".toml") else export_system(source)
    except RemitError as error:
        print(error, file=sys.stderr)
        return FOUND if isinstance(error, ModelError) else CANNOT
    for note in found.notes:
        print(f"not written  {note.where}  {note.what}", file=sys.stderr)
    if found:
        _tell(found)
        return FOUND
    if to is not None:
        return _write(to, text)
    sys.stdout.write(text)
    return DONE


def _check(file: Path) -> int:
    found: Findings = check_cml(file)
    _tell(found)
    for note in found.notes:
        print(f"note  {note}")
    print(f"{file}: {len(found)} finding(s), {len(found.notes)} note(s)")
    return FOUND if found else DONE


def _write(to: Path, text: str) -> int:
    """Writes a new file. A file that is there is never written over."""
    try:
        with to.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        _tell(
            [
                Finding(
                    "cml.file", str(to), "the file is there already", "a new file", "remove it, or name another: --to"
                )
            ]
        )
        return CANNOT
    except (OSError, ValueError) as error:
        _tell([Finding("cml.file", str(to), f"the file cannot be written: {error}", next="name another: --to FILE")])
        return CANNOT
    print(f"wrote {to}")
    return DONE
