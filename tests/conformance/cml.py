"""Context Mapper's examples and the cases of its own tests: facts that must be found, and verdicts.

The folder holds `examples/` with `examples.facts.json`, and `snippets.json`. See its SOURCE.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from remit_design.cml.codes import RULES
from remit_design.cml.facts import Facts, facts
from remit_design.cml.model import Model, check_text, load
from remit_design.cml.writing import written
from remit_design.design import export_map, map_text
from tests.conformance.results import Result
from tests.conformance.shapes import cut, difference, shape

SET = "cml"


def results(folder: Path) -> Iterator[Result]:
    """The result of every example and every snippet."""
    expected: dict[str, Facts] = json.loads((folder / "examples.facts.json").read_text())
    told = shape(expected.values())
    told["stakeholders"] = told.pop("stakeholderBlocks", None)
    for name, said in expected.items():
        said["stakeholders"] = said.pop("stakeholderBlocks", 0) or None
        yield Result(SET, name, _example(folder / "examples" / name, said, told))
    for snippet in json.loads((folder / "snippets.json").read_text()):
        yield Result(SET, snippet["id"], _snippet(snippet))


def _example(path: Path, expected: Facts, told: Any) -> str:
    """Why an example fails: it is not read, or what is found in it differs, at once or after a round trip."""
    model = load(path)
    found = difference(expected, cut(facts(model.root), told))
    broken = [str(finding) for finding in model.findings if finding.code in ("cml.syntax", "cml.unreadable")]
    return f"{found} ({' '.join(broken)})" if found else _returned(model, path.parent)


def _returned(model: Model, folder: Path) -> str:
    """What is lost on the way to CML text and back, and on the way to a map and back."""
    said = facts(model.root)
    again = check_text(written(said), "written.cml", folder=folder)
    lost = difference(said, facts(again.root))
    if lost:
        return f"written and read again: {lost}"
    if model.findings:  # Context Mapper refuses it too, and so does `remit-design import`
        return ""
    with TemporaryDirectory() as place:
        file = Path(place, "remit-map.toml")
        file.write_text(map_text(model), encoding="utf-8")
        text, found = export_map(file)
    if found:
        return f"through a map: {found[0]}"
    lost = difference(said, facts(check_text(text, "exported.cml", folder=folder).root))
    return f"through a map and back: {lost}" if lost else ""


def _snippet(snippet: dict[str, Any]) -> str:
    """Why a snippet fails: another verdict, or something is lost on the way through a map."""
    model = check_text(snippet["cml"], "snippet.cml")
    errors = {RULES[finding.code].official: str(finding) for finding in model.findings}
    notes = {RULES[note.code].official for note in model.findings.notes}
    if snippet["verdict"] == "parses":
        return errors.get(RULES["cml.syntax"].official, "")
    if snippet["verdict"] != "invalid" and errors:
        return f"expected {snippet['verdict']}, found {' '.join(errors.values())}"
    for each in snippet["expect"]:
        meaning, found = (
            each["code"] or each["message"],
            {*errors} if each["severity"] == "error" else {*notes, *errors},
        )
        is_named = each["code"] or meaning in {rule.official for rule in RULES.values()}
        if meaning not in found and (is_named or not found):  # without a name, any finding of the kind has to do
            return f"expected {each['severity']} {meaning}, found {', '.join(sorted(found)) or 'nothing'}"
    if snippet["verdict"] == "invalid" and not errors:
        return "expected invalid, found nothing"
    return _returned(model, Path()) if not errors else ""
