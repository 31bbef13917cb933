"""What `remit check` checks: a system, a topology, or the map of a code base."""

from __future__ import annotations

from pathlib import Path

from remit.boundaries import MAP_FILE, check_code
from remit.cli.inputs import names_map
from remit.cli.options import is_topology
from remit.errors import Findings
from remit.hosting.checking import check_map, check_system, check_topology
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, find_code_map, find_system, names_one


def checked(named: str) -> tuple[str, Findings]:
    """The name of what was checked, and what was found. Raises `Failure` if there is no such system."""
    beside = MAP_FILE if named == HERE and Path(MAP_FILE).is_file() else None
    if is_topology(named):
        return check_map(named) if names_map(named) else check_topology(named)
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
