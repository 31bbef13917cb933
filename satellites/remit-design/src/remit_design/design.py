"""What the commands do: CML into `remit-map.toml`, and back."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from remit.boundaries import MAP_FILE, CodeMap, examine_map
from remit.errors import Finding, Findings, ModelError
from remit_design.cml.facts import left_out
from remit_design.cml.model import Model, check_text, load
from remit_design.cml.writing import written
from remit_design.from_map import to_facts
from remit_design.guests import guests_of
from remit_design.to_map import to_map
from remit_design.toml import to_toml

__all__ = ["check_cml", "export_here", "export_map", "export_system", "import_cml"]


def check_cml(path: Path) -> Findings:
    """What is wrong with a CML file; `notes` are what Context Mapper warns of."""
    return load(path).findings


def import_cml(path: Path) -> tuple[str, Findings]:
    """The text of `remit-map.toml` for a CML file, and the findings.

    The text is empty if there are findings. The notes `cml.not-taken-over` are what is left out: of the tactical part,
    only names are kept.
    """
    model = load(path)
    return map_text(model), model.findings


def map_text(model: Model) -> str:
    """As `import_cml`, of a model that was read."""
    if model.findings:
        return ""
    document = to_map(model)
    for where, what in left_out(model.root):
        model.findings.note("cml.not-taken-over", where, f"{what}: only the name is kept")
    return "" if model.findings else to_toml(document)


def export_map(path: Path) -> tuple[str, Findings]:
    """The CML of a `remit-map.toml`, and the findings. The text is empty if there are findings.

    The notes `cml.not-written` are what CML has no words for. Raises nothing.
    """
    try:
        code, found = examine_map(path)
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except ModelError as error:
        return "", Findings(error.findings)
    if found:
        return "", found
    return export_code(code, document.get("cml"), found, named="name" in document.get("map", {}))


def export_system(named: str) -> tuple[str, Findings]:
    """As `export_map`, for the system at `module:attribute`, or the only one in `module`. Imports the module and the
    contexts. `.` is the system that `pyproject.toml` of the working directory names. Raises `RemitError` if there is no
    such system, or if it cannot be loaded.

    A context that uses an open host, by no other relation, becomes downstream of it.
    """
    from remit.hosting.finding import load_system  # a map is exported without what runs a system

    system, found = load_system(named), Findings()
    guests = guests_of(system, found)
    return export_code(system.code_map(), {"relationships": guests} if guests else None, found)


def export_here() -> tuple[str, Findings]:
    """As `export_system`, if `pyproject.toml` of the working directory names a system; otherwise as `export_map`, for
    the `remit-map.toml` there. So `remit check` chooses too. Raises `RemitError` as `export_system` does."""
    from remit.hosting.finding import HERE, names_one  # a map is exported without what runs a system

    if not names_one():
        return export_map(Path(MAP_FILE))
    text, found = export_system(HERE)
    if Path(MAP_FILE).is_file():
        what = f"pyproject.toml names a system, which was exported; for this file: remit-design export {MAP_FILE}"
        found.note("cml.not-written", MAP_FILE, what)
    return text, found


def export_code(
    code: CodeMap, rest: Mapping[str, Any] | None, found: Findings, *, named: bool = True
) -> tuple[str, Findings]:
    """The CML of a code map. `rest` is the table `cml` of its file, if it has one."""
    try:
        text = written(to_facts(code, rest, found, named=named))
    except (AttributeError, KeyError, TypeError, ValueError):
        found.append(_damaged(code, "the table cml does not have the form that remit-design writes"))
        return "", found
    wrong = check_text(text, "CML", findable=_imports(rest)).findings
    found.extend(_damaged(code, f"the map cannot be said in CML: {finding.what}", finding.next) for finding in wrong)
    return ("" if found else text), found


def _imports(rest: Mapping[str, Any] | None) -> bool:
    return not (rest or {}).get("imports")


def _damaged(code: CodeMap, what: str, next: str = "") -> Finding:
    return Finding("cml.map", code.where or code.name, what, next=next or "correct the map, or import the CML again")
