"""One CML file with what it imports, read and linked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.linking import Names, link
from remit_design.cml.parsing import parse
from remit_design.cml.rules import check
from remit_design.cml.tree import Node

__all__ = ["Model", "check_text", "load", "read"]


@dataclass
class Model:
    """The tree of a file, those of the files that it imports, and what is wrong or remarkable about the file."""

    root: Node
    imported: list[Node] = field(default_factory=list[Node])
    findings: Findings = field(default_factory=Findings)
    """What is wrong; `findings.notes` are the warnings."""


def load(path: Path) -> Model:
    """Reads and checks a file. Whatever is wrong with the file is a finding of the model; nothing is raised."""
    found = Findings()
    source = read(path, path.name, found)
    return check_text(source, path.name, folder=path.parent, found=found)


def check_text(
    source: str, file: str, *, folder: Path | None = None, found: Findings | None = None, findable: bool = True
) -> Model:
    """Reads and checks a text. Without a folder, nothing can be imported. If what it imports is not `findable`, a name
    that is declared nowhere in the text is no finding."""
    found = Findings() if found is None else found
    broken = bool(found)
    root = parse(source, file, found)
    if not broken and not root.children and not found:
        found.report("cml.empty", file, "the file declares nothing", expected="a context map, or bounded contexts")
    imported = _imported(root, folder, found, {((folder or Path()) / file).resolve()}) if findable else []
    model = Model(root, imported, found)
    names = Names([root, *model.imported])
    for each in model.imported:
        _link(each, names, Findings())
    _link(root, names, found if findable else Findings())
    if not any(finding.code == "cml.syntax" for finding in found):
        check(root, model.imported, found)
    return model


def _link(model: Node, names: Names, found: Findings) -> None:
    complete = not any(finding.code in ("cml.syntax", "cml.import-missing", "cml.unreadable") for finding in found)
    for node, each, near in list(link(model, names)):
        if complete:  # else what is missing may stand where nothing could be read
            what = f"'{each.name}' is declared nowhere as {' or '.join(each.kinds)}"
            add = f"did you mean {near}?" if near else "declare it, or import the file that does"
            found.report("cml.unresolved", f"{node.file}:{each.line}", what, next=add)


def read(path: Path, shown: str, found: Findings) -> str:
    """The text of a file, or nothing and a finding if it cannot be read."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        line = path.read_bytes().count(b"\n", 0, error.start) + 1
        found.report("cml.unreadable", f"{shown}:{line}", "the file is not UTF-8", next="save it as UTF-8")
    except (OSError, ValueError) as error:
        found.report("cml.unreadable", shown, f"the file cannot be read: {error}")
    return ""


def _imported(root: Node, folder: Path | None, found: Findings, seen: set[Path]) -> list[Node]:
    """The trees of the imported files, and of those that they import."""
    models: list[Node] = []
    for each in root.of("Import"):
        path = (folder or Path()) / each.name
        if folder is None or not _is_file(path):
            say(found, "cml.import-missing", each, f"the imported file {each.name} is not there")
            continue
        if path.resolve() in seen:
            continue
        seen.add(path.resolve())
        # What is wrong inside is told when that file is checked; here, only that it could not be read.
        inside = Findings()
        tree = parse(read(path, each.name, inside), each.name, inside)
        if inside:
            say(found, "cml.import-missing", each, f"the imported file {each.name} cannot be read", next=str(inside[0]))
        models += [tree, *_imported(tree, path.parent, Findings(), seen)]
    return models


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
