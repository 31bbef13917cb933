"""Where a system, a context or a map is declared: the place of findings that name no file."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from remit.cli.options import is_topology
from remit.cli.reports import Place
from remit.errors import Finding
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system, names_one, system_here
from remit.topology.file import read_topology

_NAMED = re.compile(r"(?P<kind>System|Context)\('(?P<name>[^']+)'\)")


def declaring(named: str, map_file: str) -> Callable[[Finding], Place]:
    """The place of each finding on what was checked under this name: the line of the `System` or `Context` that the
    finding names, or else the first line of the file that was checked. `map_file` is checked without a system."""
    if is_topology(named):
        return lambda finding: _within(_files(_system_of_topology(named)), finding) or Place(named, 1)
    if named == "." and not names_one():
        return lambda _: Place(map_file, 1)
    name = system_here() if named == "." else named
    module = sys.modules.get(name.partition(":")[0])
    files = [*_file(module), *_files(_system(name))]
    return lambda finding: _within(files, finding) or Place(files[0] if files else map_file, 1)


def _system_of_topology(path: str) -> System | None:
    try:
        return _system(read_topology(path, whole=False).system)
    except Exception:  # noqa: BLE001  # what is wrong with the file is a finding
        return None


def _system(name: str) -> System | None:
    try:
        return find_system(name)
    except Failure:
        return None


def _files(system: System | None) -> list[str]:
    """The files of the contexts that are loaded, and of the modules beside them that made the system."""
    if system is None:
        return []
    makers = [
        module
        for module in sys.modules.values()
        if any(each is system for each in [*getattr(module, "__dict__", {}).values()])
    ]
    modules = [*makers, *filter(None, (sys.modules.get(each.declared_in) for each in system.contexts))]
    return list(dict.fromkeys(file for module in modules for file in _file(module)))


def _file(module: ModuleType | None) -> list[str]:
    file = getattr(module, "__file__", None)
    return [file] if file else []


def _within(files: Sequence[str], finding: Finding) -> Place | None:
    """Where the `System` or `Context` that a finding names is made; the start of the first file if that is unclear."""
    named = _NAMED.match(finding.where)
    for file in files if named else ():
        assert named is not None  # noqa: S101  # no file otherwise
        made = rf"\b{named['kind']}(\[\w+\])?\(\s*(name=)?['\"]{re.escape(named['name'])}['\"]"
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        if found := re.search(made, text):
            return Place(file, text.count("\n", 0, found.start()) + 1)
    return Place(files[0], 1) if files else None
