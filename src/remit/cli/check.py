"""`remit check`: reports all findings and notes on a system, a topology or a code base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter

from remit.boundaries import MAP_FILE, check_code, is_map, propose_map
from remit.cli.baseline import Baseline, record
from remit.cli.declaring import declaring
from remit.cli.explaining import explain_codes
from remit.cli.options import AsJson, SystemName, is_topology, not_empty
from remit.cli.reports import as_github, as_json, as_sarif
from remit.cli.screen import say
from remit.cli.summary import summarised
from remit.errors import Finding, Findings
from remit.hosting.checking import check_map, check_system, check_topology
from remit.hosting.failures import UNUSABLE, Failure
from remit.hosting.finding import HERE, find_code_map, find_system, names_one

_Form: TypeAlias = Literal["text", "json", "sarif", "github"]
_MANY = 20
"""The most findings that are shown without a summary below them."""


def check(
    system: SystemName = HERE,
    /,
    *,
    json: AsJson = False,
    form: Annotated[
        _Form | None,
        Parameter(name="--format", help="text (the default), json, sarif (SARIF 2.1.0), or github (for its workflows)"),
    ] = None,
    baseline: Annotated[
        str | None,
        Parameter(name="--baseline", validator=not_empty, help="A file with known findings, which are not reported."),
    ] = None,
    recording: Annotated[
        bool,
        Parameter(
            name="--record",
            negative="",
            help="Write the baseline: all findings into a new file; of an existing file, remove what is gone.",
        ),
    ] = False,
    summary: Annotated[
        bool, Parameter(name="--summary", negative="", help="Only how many findings there are, by code and contexts.")
    ] = False,
    propose: Annotated[
        Path | None,
        Parameter(name="--propose", help="Print a first remit-map.toml for the code in a folder, and check nothing."),
    ] = None,
    explain: Annotated[
        list[str] | None,
        Parameter(
            name="--explain",
            consume_multiple=True,
            negative=(),
            help="Show the pages of codes, or all codes if none is given, and check nothing.",
        ),
    ] = None,
) -> int:
    """Report all findings and notes on a system. SYSTEM may be a topology file, or a map of any code base.

    For a system with relations, the source text of its contexts is checked too. For a map, as in remit-map.toml, only
    source text is checked, and nothing is imported. Without SYSTEM, the map in the working directory counts as well.

    For a topology, reports what the start of any of its services would refuse. Imports the contexts; starts and opens
    nothing. A finding would prevent a start: exit code 2. A note is a declaration that is allowed but may be a mistake;
    with notes only, the exit code is 0.
    """
    if explain is not None:
        explain_codes(explain, as_json=json)
        return 0
    if propose is not None:
        say(_proposed(propose).rstrip())
        return 0
    form = "json" if json and form is None else form
    _refuse_contradictions(form, baseline, json=json, recording=recording, summary=summary)
    named, findings = _checked(system)
    left, hidden = _against(baseline, findings, recording=recording)
    _tell(system, named, left, hidden, form, summary=summary)
    return UNUSABLE if left else 0


def _proposed(folder: Path) -> str:
    """A map for the code in a folder. Raises `Failure` if there is none."""
    text = propose_map(folder, Path.cwd())
    if not text:
        raise Failure(
            "map.no-code", f"there is no Python package in {folder}", where=str(folder),
            expected="a package, or a folder that holds packages", next="remit check --propose src",
        )  # fmt: skip
    return text


def _refuse_contradictions(
    form: _Form | None, baseline: str | None, *, json: bool, recording: bool, summary: bool
) -> None:
    if json and form not in (None, "json"):
        raise Failure(
            "cli.usage", f"--json and --format {form} cannot be given together", where="remit check",
            expected="one of them", next="remove --json",
        )  # fmt: skip
    if summary and form not in (None, "text"):
        raise Failure(
            "cli.usage", f"--summary and --format {form} cannot be given together", where="remit check",
            expected="one of them", next="remove --summary: programs count for themselves",
        )  # fmt: skip
    if recording and baseline is None:
        raise Failure(
            "cli.usage", "--record needs a file", where="remit check", expected="--baseline FILE --record",
            next="add --baseline remit-baseline.json",
        )  # fmt: skip


def _checked(named: str) -> tuple[str, Findings]:
    """The name of what was checked, and what was found. Raises `Failure` if there is no such system."""
    beside = MAP_FILE if named == HERE and Path(MAP_FILE).is_file() else None
    if is_topology(named):
        return check_map(named) if is_map(named) else check_topology(named)
    if beside is not None and not names_one():
        return check_map(beside)
    try:
        if (code := find_code_map(named)) is not None:
            return code.name, check_code(code)
        system = find_system(named)
    except Failure as failure:
        if failure.code == "system.unnamed":
            failure.next += f"; for code without a system, begin with a map: remit check --propose . > {MAP_FILE}"
        elif Path(named).is_dir():
            failure.next += f"; for code without a system, begin with a map: remit check --propose {named} > {MAP_FILE}"
        raise
    return system.name, check_system(system, beside)


def _against(path: str | None, found: Findings, *, recording: bool) -> tuple[Findings, int]:
    """The findings that the baseline does not have, with what is gone from it, and how many it has."""
    if path is None:
        return found, 0
    if recording and not Path(path).exists():
        return record(path, found)
    baseline = Baseline.read(path)
    left, hidden = baseline.without(found)
    if recording:
        baseline.shrink()
        return left, hidden
    return Findings([*left, *baseline.gone], notes=left.notes), hidden


def _tell(given: str, system: str, found: Findings, hidden: int, form: _Form | None, *, summary: bool) -> None:
    if form == "json":
        print(as_json(system, found, hidden))
    elif form == "sarif":
        print(as_sarif(found, Path.cwd(), declaring(given, MAP_FILE)))
    elif form == "github":
        for line in as_github(found, Path.cwd()):
            print(line)
    else:
        every = [("error", each) for each in found] + [("note", each) for each in found.notes]
        for kind, each in [] if summary else every:
            say(f"{kind}: {each}\n")
        if every and (summary or len(every) > _MANY):
            say("\n".join(summarised(found)) + "\n")
        known = f"; {hidden} in the baseline" if hidden else ""
        say(f"{system}: {_counted(found, 'error')}, {_counted(found.notes, 'note')}{known}")


def _counted(found: list[Finding], kind: str) -> str:
    return f"{len(found) or 'no'} {kind}{'' if len(found) == 1 else 's'}"
