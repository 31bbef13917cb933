"""How `remit check` tells what it found: as text, or in a form for programs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from remit.boundaries import MAP_FILE
from remit.cli.declaring import declaring
from remit.cli.reports import as_github, as_json, as_sarif
from remit.cli.screen import say
from remit.cli.summary import summarised
from remit.errors import Finding, Findings

Form: TypeAlias = Literal["text", "json", "sarif", "github"]
"""The forms of a report."""
_MANY = 20
"""The most findings that are shown without a summary below them."""


def tell(given: str, system: str, found: Findings, hidden: int, form: Form | None, *, summary: bool) -> None:
    """Prints the findings and notes, and how many a baseline hides."""
    if form == "json":
        print(as_json(system, found, hidden))
    elif form == "sarif":
        print(as_sarif(found, Path.cwd(), declaring(given, MAP_FILE)))
    elif form == "github":
        for line in as_github(found, Path.cwd()):
            print(line)
    else:
        _tell_people(system, found, hidden, summary=summary)


def _tell_people(system: str, found: Findings, hidden: int, *, summary: bool) -> None:
    every = [("error", each) for each in found] + [("note", each) for each in found.notes]
    for kind, each in [] if summary else every:
        say(f"{kind}: {each}\n")
    if every and (summary or len(every) > _MANY):
        say("\n".join(summarised(found)) + "\n")
    known = f"; {hidden} in the baseline" if hidden else ""
    say(f"{system}: {_counted(found, 'error')}, {_counted(found.notes, 'note')}{known}")


def _counted(found: list[Finding], kind: str) -> str:
    return f"{len(found) or 'no'} {kind}{'' if len(found) == 1 else 's'}"
