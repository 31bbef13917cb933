"""`remit check`: reports all findings and notes on a system, a topology or a code base."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from remit.boundaries import propose_map
from remit.cli.baseline import against
from remit.cli.checking import checked
from remit.cli.explaining import explain_codes
from remit.cli.options import AsJson, SystemName, not_empty
from remit.cli.screen import say
from remit.cli.telling import Form, tell
from remit.hosting.failures import UNUSABLE, Failure
from remit.hosting.finding import HERE


def check(
    system: SystemName = HERE,
    /,
    *,
    json: AsJson = False,
    form: Annotated[
        Form | None,
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
        explain_codes([*explain, *([] if system == HERE else [system])], as_json=json)  # a code may follow an option
        return 0
    if propose is not None:
        say(_proposed(propose).rstrip())
        return 0
    form = "json" if json and form is None else form
    _refuse_contradictions(form, baseline, json=json, recording=recording, summary=summary)
    named, findings = checked(system)
    left, hidden = against(baseline, findings, recording=recording)
    tell(system, named, left, hidden, form, summary=summary)
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
    form: Form | None, baseline: str | None, *, json: bool, recording: bool, summary: bool
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
