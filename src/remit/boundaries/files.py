"""Finds the files of a code base in its roots, and the names that their modules have."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import NamedTuple

from remit.boundaries.codemap import CodeMap
from remit.contexts.homes import is_of_tests
from remit.errors import Findings

_LARGEST = 8_000_000
"""The largest file that is read, in bytes. Its syntax tree needs about 100 times as much memory."""
_MOST_LINKS = 8
"""How often the same folder is read through links. Links between n folders have more than n! ways."""
_NO_WORD = re.compile(r"\W")
_COMPILED_NAME = re.compile(r"(\w+)(?:\.(?:abi3|cpython-[\w-]+|cp\d[\w-]*|pypy[\w-]*))?\.(?:so|pyd)")
_COMPILED = (".so", ".pyd")
_LINKED = object()
"""Stands among the folders above one that is read through a link."""
_OF_TESTS = frozenset({"test", "tests", "tests.py", "conftest.py"})
"""The names that are given to tests only."""
_IN_TESTS = re.compile(
    rb"^\s*(?:async\s+)?(?:def\s+test|class\s+\w*Test)|\b(?:pytest|unittest|doctest|hypothesis)\b", re.M
)
_NO_CODE = frozenset({"__pycache__", "node_modules", "site-packages"})


class SourceFile(NamedTuple):
    """A file that may be imported as a module, or a notebook."""

    module: str
    path: str
    """Relative to the working directory if it is inside."""
    is_package: bool = False
    is_read: bool = True
    """False for a folder without `__init__.py`, and for a compiled module: they have a name and no source text."""
    size: int = 0

    def counts_before(self, other: SourceFile | None) -> bool:
        """Whether it is the one of two files of the same module that is read. As for an import, a package or module
        counts before a folder without `__init__.py`. The source text of a compiled module counts before that."""
        if other is None:
            return True
        if other.is_package and not other.is_read:
            return self.is_read or not self.is_package
        return self.is_read and not self.is_package and other.path.endswith(_COMPILED)

    @property
    def is_notebook(self) -> bool:
        """Whether it is a notebook of Jupyter."""
        return self.path.endswith(".ipynb")


class _Search(NamedTuple):
    code: CodeMap
    findings: Findings
    here: str
    found: dict[str, SourceFile]
    hidden: dict[str, list[str]]
    """The files that are not read because another one has the name of the module, by the top-level package."""
    linked: Counter[object]
    """How often each folder was read through links."""
    named: frozenset[str]
    """The packages and modules that the map names."""
    tests: dict[str, list[str]]
    """What is left out because it is named like a test, and holds none, by the package of a context."""

    def leaves_out(self, module: str, entry: os.DirEntry[str]) -> bool:
        """Whether a file or folder is left out as a test. What the map names, and what leads there, never is."""
        if self.code.tests or not is_of_tests(module, self.named):
            return False
        is_folder = entry.is_dir()
        if is_folder and any(each.startswith(f"{module}.") for each in self.named):
            return False
        package = next((each for each in self._packages() if module.startswith(f"{each}.")), None)
        if package is not None and entry.name not in _OF_TESTS and not _holds_tests(entry, is_folder=is_folder):
            self.tests.setdefault(package, []).append(self.shown(entry.path))
        return True

    def _packages(self) -> Iterator[str]:
        return (package for context in self.code.contexts for package in context.packages)

    def keep(self, file: SourceFile) -> None:
        known = self.found.get(file.module)
        if file.counts_before(known):
            self.found[file.module] = file
        elif known is not None and known.is_read and file.is_read and (file.size or not file.is_package):
            self.hidden.setdefault(file.module.partition(".")[0], []).append(file.path)

    def shown(self, path: str) -> str:
        return path.removeprefix(self.here)


def files_of(code: CodeMap, findings: Findings) -> dict[str, SourceFile]:
    """The files of a code base by the names of their modules. Where two roots have the same module, the first counts,
    as for an import. Folders that lead back to themselves, and files that are too large, are findings."""
    here = os.path.join(os.getcwd(), "")  # noqa: PTH109, PTH118  # ten times as fast as a Path
    search = _Search(code, findings, here, {}, {}, Counter(), code.named, {})
    for root in code.roots:
        folder = os.path.abspath(root)  # noqa: PTH100  # as above
        for entry in _entries(folder, findings):
            top = _module_name(entry)
            if (
                top.isidentifier()
                and (not code.packages or top in code.packages)
                and not (root / top / "pyvenv.cfg").exists()
            ):
                _add(entry, top, search, frozenset({_identity(folder)}))
    _note_left_out(search)
    return search.found


def _note_left_out(search: _Search) -> None:
    """Notes the files that are not read: those that other files hide, and those that are only named like tests."""
    for top, paths in search.hidden.items():
        count = f"{len(paths)} files" if len(paths) > 1 else "1 file"
        search.findings.note(
            "source.hidden", paths[0],
            f"{count} of {top} cannot be imported, and are not read: other files have the same names of modules",
            expected="one file for each module, in one of the roots",
            next="rename or delete what is hidden; or check each root with a map of its own",
            identity=top,
        )  # fmt: skip
    for package, paths in search.tests.items():
        search.findings.note(
            "source.tests", paths[0],
            f"in {package}, {', '.join(paths)} {'are' if len(paths) > 1 else 'is'} named like a test, and not checked",
            expected="names of tests for tests only", next="rename it, or list it among the packages of its context; "
            "tests = true under [map] checks tests too",
            identity=package,
        )  # fmt: skip


def _holds_tests(entry: os.DirEntry[str], *, is_folder: bool) -> bool:
    """Whether a file has something of a test in it, or a folder has a file that is named like a test."""
    if is_folder:
        stems = [path.stem for path in Path(entry.path).glob("*.py")]
        return any(map(is_of_tests, stems))
    with Path(entry.path).open("rb") as file:
        return _IN_TESTS.search(file.read(_LARGEST)) is not None


def _add(entry: os.DirEntry[str], module: str, search: _Search, above: AbstractSet[object]) -> bool:
    """Adds what an entry of a folder holds. Returns whether it holds code."""
    try:
        if entry.is_dir():
            return "." not in entry.name and _add_folder(entry, module, search, above)
        return _add_file(entry, module, search)
    except OSError:  # a link that leads to itself
        return False


def _add_file(entry: os.DirEntry[str], module: str, search: _Search) -> bool:
    ending = entry.name[entry.name.rfind(".") :]
    if ending not in (".py", ".ipynb", *_COMPILED) or not entry.is_file() or search.leaves_out(module, entry):
        return False
    size = entry.stat().st_size
    is_read = ending not in _COMPILED
    if is_read and size > _LARGEST:
        search.findings.report(
            "source.unreadable", search.shown(entry.path),
            f"{module} has {size} bytes, so its imports are not read",
            expected=f"at most {_LARGEST} bytes", next="keep data in a data file, or split the module",
        )  # fmt: skip
        is_read = False
    name = module if ending != ".ipynb" else f"{module}.ipynb"
    search.keep(SourceFile(name, search.shown(entry.path), is_read=is_read, size=size))
    return True


def _add_folder(entry: os.DirEntry[str], module: str, search: _Search, above: AbstractSet[object]) -> bool:
    if entry.name in _NO_CODE or search.leaves_out(module, entry):
        return False
    identity = _identity(entry.path)
    if _is_endless(entry, module, identity, search, above):
        return False
    holds_code = False
    inside = above | {identity, _LINKED} if entry.is_symlink() else above | {identity}
    first: os.DirEntry[str] | None = None
    for each in _entries(entry.path, search.findings):
        if each.name == "__init__.py":
            first = each
        elif name := _module_name(each):
            holds_code |= _add(each, f"{module}.{name}", search, inside)
    if first is not None:
        path = search.shown(first.path)
        search.keep(SourceFile(module, path, is_package=True, size=first.stat().st_size))
        return True
    if holds_code:
        path = search.shown(entry.path)
        search.keep(SourceFile(module, path, is_package=True, is_read=False))
    return holds_code


def _is_endless(
    entry: os.DirEntry[str], module: str, identity: object, search: _Search, above: AbstractSet[object]
) -> bool:
    """Whether a folder is one of those that contain it, or was read often enough through links. Both are noted."""
    what = "is a link to a folder that contains it" if identity in above else ""
    if not what and (entry.is_symlink() or _LINKED in above):
        search.linked[identity] += 1
        if search.linked[identity] > _MOST_LINKS:
            what = f"is one of more than {_MOST_LINKS} links to the same folder"
    if what and search.linked[identity] <= _MOST_LINKS + 1:
        search.findings.note(
            "source.loop", search.shown(entry.path), f"{module} {what}",
            expected="folders that end", next="remove the link, or place the code outside of the roots",
        )  # fmt: skip
    return bool(what)


def _entries(folder: str, findings: Findings) -> Iterator[os.DirEntry[str]]:
    try:
        yield from sorted(os.scandir(folder), key=lambda each: each.name)
    except PermissionError as error:
        findings.report(
            "source.unreadable", folder, f"the folder cannot be read, so what is in it is unknown: {error.strerror}",
            expected="folders that may be read", next=f"chmod +rx {folder}; or leave it out of the roots",
        )  # fmt: skip
    except OSError:  # not a folder
        return


def _module_name(entry: os.DirEntry[str]) -> str:
    """The last part of the name that a module in this entry has. Empty if it cannot have one. A name that begins with
    a digit can only be imported dynamically, as migrations are."""
    if entry.name.endswith(".ipynb"):
        return _NO_WORD.sub("_", entry.name.removesuffix(".ipynb"))
    compiled = _COMPILED_NAME.fullmatch(entry.name)
    stem = compiled[1] if compiled else entry.name.removesuffix(".py")
    return "" if _NO_WORD.search(stem) else stem


def _identity(path: str) -> object:
    try:
        found = Path(path).stat()
    except OSError:
        return path
    return found.st_dev, found.st_ino
