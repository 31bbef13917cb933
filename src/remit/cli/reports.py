"""The findings of a check in the forms that other programs read: JSON, SARIF 2.1.0, and commands of GitHub workflows.

SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/. Workflow commands:
https://docs.github.com/actions/reference/workflow-commands-for-github-actions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from remit.cli.screen import PARTS
from remit.errors import Finding, Findings, visible

_LINE = re.compile(r"(?P<path>.+?):(?P<line>\d+)(:\d+)?")
_FILE = re.compile(r"(?P<path>\S+\.(py|toml|ipynb|md|cml|json))\b.*")
_LINES_IN_TEXT = re.compile(r"(?<=\.py):\d+\b")


class Place(NamedTuple):
    """Where a finding is: a file and a line, from 1."""

    path: str
    line: int


def place_of(finding: Finding) -> Place | None:
    """The file and line that a finding names. None if it names neither, as a finding on a whole system."""
    for form in (_LINE, _FILE):
        if found := form.fullmatch(finding.where):
            return Place(found["path"], int(found.groupdict().get("line") or 1))
    return None


def relative(path: str, folder: Path) -> str:
    """A path as seen from a folder instead of the working directory, with `/`. One outside of it stays as it is."""
    try:
        return Path(path).resolve().relative_to(folder.resolve()).as_posix()
    except (ValueError, OSError):
        return path.replace("\\", "/")


class Identity(NamedTuple):
    """What is the same about a finding after lines were added above it, and in another checkout."""

    code: str
    where: str
    what: str


def identity_of(finding: Finding, folder: Path) -> Identity:
    """The identity of a finding, with paths relative to a folder and without numbers of lines."""
    if finding.identity:
        return Identity(finding.code, "", finding.identity)
    place = place_of(finding)
    where = relative(place.path, folder) if place else finding.where
    what = _LINES_IN_TEXT.sub("", finding.what.replace(f"{folder.resolve().as_posix()}/", ""))
    return Identity(finding.code, where, what)


def as_json(system: str, found: Findings, hidden: int) -> str:
    """One object: `system`, `errors`, `notes`, and the number of findings that the baseline has."""
    errors, notes = ([_entry(each) for each in kind] for kind in (found, found.notes))
    said = {"system": system, "errors": errors, "notes": notes, "baseline": hidden}
    return msgspec.json.encode(said).decode()


def _entry(finding: Finding) -> dict[str, object]:
    return {**{name: getattr(finding, name) for name in PARTS}, "contexts": finding.contexts}


def as_sarif(found: Findings, folder: Path, declared: Callable[[Finding], Place]) -> str:
    """A log of one run. Paths are relative to the folder. `declared` gives the place of a finding that names no file:
    GitHub refuses results without one."""
    results = [_result(each, level, folder, declared) for level, each in _all(found)]
    rules = [{"id": code} for code in sorted({each.code for _, each in _all(found)})]
    driver = {"name": "remit", "version": version("remit"), "rules": rules}
    run: dict[str, Any] = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    log = {"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(log), indent=2).decode()


def _all(found: Findings) -> Iterator[tuple[str, Finding]]:
    yield from (("error", each) for each in found)
    yield from (("note", each) for each in found.notes)


def _result(finding: Finding, level: str, folder: Path, declared: Callable[[Finding], Place]) -> dict[str, Any]:
    digest = sha256("\0".join(identity_of(finding, folder)).encode(errors="replace")).hexdigest()
    place = place_of(finding) or declared(finding)
    where = _artifact(relative(place.path, folder))
    region = {"startLine": max(place.line, 1)}
    return {
        "ruleId": finding.code,
        "level": level,
        "message": {"text": _sentences(finding)},
        "partialFingerprints": {"remitFinding/v1": digest},
        "locations": [{"physicalLocation": {"artifactLocation": where, "region": region}}],
    }


def _artifact(path: str) -> dict[str, str]:
    """The location of a file. A relative path is relative to the root of the sources, an absolute one to nothing."""
    if Path(path).is_absolute():
        return {"uri": Path(path).as_uri()}
    return {"uri": quote(path, errors="surrogatepass"), "uriBaseId": "%SRCROOT%"}


def _sentences(finding: Finding) -> str:
    lines = [finding.what if place_of(finding) else f"{finding.where}: {finding.what}"]
    lines += [f"Expected: {finding.expected}"] * bool(finding.expected) + [f"Next: {finding.next}"] * bool(finding.next)
    return visible("\n".join(lines))


def as_github(found: Findings, folder: Path) -> Iterator[str]:
    """A workflow command for each finding, which GitHub shows at its line."""
    for level, each in _all(found):
        place = place_of(each)
        named = {"title": each.code}
        if place:
            named = {"file": relative(place.path, folder), "line": str(max(place.line, 1)), **named}
        properties = ",".join(f"{name}={_escaped(value, ':,')}" for name, value in named.items())
        yield f"::{'error' if level == 'error' else 'notice'} {properties}::{_escaped(_sentences(each))}"


def _escaped(text: str, more: str = "") -> str:
    for each in "%\r\n" + more:
        text = text.replace(each, f"%{ord(each):02X}")
    return text
