"""Scratch copies of the examples: where violations are planted, and where they are looked for."""

from __future__ import annotations

import importlib
import shutil
import sys
import tomllib
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import NamedTuple

from learning.process import EXAMPLES
from remit.cli import checking
from remit.errors import Findings
from tests.checkout.workspace import members

TOPS = ("learning", "webshop")
"""The names with which the modules of the examples begin."""
OUTSIDE = ("variants", "checker*.py", "demo.py", "driver.py", "process.py")
TARGETS = {
    "learning": "learning.system:platform",
    "webshop": "webshop.system:webshop",
    "map": "remit-map.toml",
    "topology": "four-http.toml",
}
"""What is checked in each scratch copy."""
MAP = """\
[map]
name = "learning"

[contexts.enrollment]
packages = ["learning.enrollment"]
owner = "team-enrollment"

[contexts.billing]
packages = ["learning.billing"]
owner = "team-billing"

[contexts.learning]
packages = ["learning.learning"]
owner = "team-learning"

[contexts.certification]
packages = ["learning.certification"]
owner = "team-certification"

[[relations]]
kind = "customer-supplier"
supplier = "billing"
customer = "enrollment"

[[relations]]
kind = "open-host"
host = "enrollment"

[[relations]]
kind = "open-host"
host = "learning"
"""
"""The learning platform, described as a code base that does not use `remit`."""
Edits = Mapping[str, "str | tuple[tuple[str, str], ...]"]
"""By file: a text that is added to it, or parts with what takes their place."""


class Planted(NamedTuple):
    """A violation in a copy of an example."""

    example: str
    edits: Edits
    also: frozenset[str] = frozenset()
    """What else is found, because the same lines break another rule too."""


def planted(example: str, edits: Edits, *also: str) -> Planted:
    return Planted(example, MappingProxyType(dict(edits)), frozenset(also))


def copy_of(example: str, folder: Path, *, whole: bool = False) -> Path:
    """Copies the sources of an example into a folder, with the entry points of its distributions. Unless the copy is
    whole, without what drives and checks the learning platform from outside, which takes time to read."""
    if example == "webshop":
        for member in members():
            shutil.copytree(member / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            _install(member, folder)
    else:
        left_out = shutil.ignore_patterns("__pycache__", "topologies", *(() if whole else OUTSIDE))
        shutil.copytree(EXAMPLES / "learning", folder / "learning", ignore=left_out)
    if example == "map":
        (folder / "remit-map.toml").write_text(MAP)
    elif example == "topology":
        shutil.copy(EXAMPLES / "learning" / "topologies" / TARGETS[example], folder)
    return folder


def _install(member: Path, folder: Path) -> None:
    """Writes what the metadata of an installed distribution says of its entry points."""
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\n")
    groups = project.get("entry-points", {})
    lines = [f"[{group}]\n{_lines(points)}" for group, points in groups.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


def _lines(points: Mapping[str, str]) -> str:
    return "".join(f"{name} = {place}\n" for name, place in points.items())


def edit(folder: Path, edits: Edits) -> None:
    """Plants a violation. Each part that is replaced stands in its file once."""
    for name, change in edits.items():
        path = folder / name
        text = path.read_text() if path.exists() else ""
        if isinstance(change, str):
            text += change
        else:
            for part, other in change:
                assert text.count(part) == 1, f"{name}: {part!r} stands in it {text.count(part)} times"
                text = text.replace(part, other)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def checked(folder: Path, example: str) -> Findings:
    """What `remit check` finds in a copy. Nothing of it stays imported."""
    with _imported_from(folder):
        return checking.checked(TARGETS[example])[1]


@contextmanager
def _imported_from(folder: Path) -> Generator[None]:
    """Modules of the examples are imported from the folder, and are those of the examples again afterwards."""
    path, known = [*sys.path], _of_examples(sys.modules)
    own = _forget(known)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        _forget(_of_examples(sys.modules))
        sys.modules.update(own)
        importlib.invalidate_caches()


def _of_examples(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(TOPS)]


def _forget(names: Iterable[str]) -> dict[str, ModuleType]:
    return {name: sys.modules.pop(name) for name in names}
