"""`remit check`: reports all findings and notes on a system or a topology."""

from __future__ import annotations

import msgspec

from remit.cli.options import AsJson, SystemName, is_topology
from remit.cli.screen import say
from remit.errors import Finding, Findings
from remit.hosting.checking import check_topology
from remit.hosting.failures import UNUSABLE
from remit.hosting.finding import HERE, find_system


def check(system: SystemName = HERE, /, *, json: AsJson = False) -> int:
    """Report all findings and notes on a system. SYSTEM may be a topology file.

    For a topology, reports what the start of any of its services would refuse. Imports the contexts; starts and opens
    nothing. A finding would prevent a start: exit code 2. A note is a declaration that is allowed but may be a mistake;
    with notes only, the exit code is 0.
    """
    found, findings = _checked(system)
    if json:
        said = {"system": found, "errors": findings, "notes": findings.notes}
        print(msgspec.json.encode(said).decode())
    else:
        _tell(found, findings)
    return UNUSABLE if findings else 0


def _checked(named: str) -> tuple[str, Findings]:
    """The name of the system, and what was found. Raises `Failure` if there is no such system."""
    if not is_topology(named):
        system = find_system(named)
        return system.name, system.check()
    return check_topology(named)


def _tell(system: str, findings: Findings) -> None:
    for kind, found in (("error", findings), ("note", findings.notes)):
        for each in found:
            say(f"{kind}: {each}\n")
    say(f"{system}: {_counted(findings, 'error')}, {_counted(findings.notes, 'note')}")


def _counted(found: list[Finding], kind: str) -> str:
    return f"{len(found) or 'no'} {kind}{'' if len(found) == 1 else 's'}"
