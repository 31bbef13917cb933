"""Finds the system that a command names, or that `[tool.remit] system` in `pyproject.toml` names, and listeners."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

import msgspec

from remit.errors import RemitError, nearest
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.loading import is_absent, near_module, raised_at
from remit.runtime import Listener

if TYPE_CHECKING:  # loaded where a map is looked for
    from remit.boundaries import CodeMap


def load_system(name: str) -> System:
    """The system that `find_system` finds, with all contexts loaded. Raises `Failure` as that does, and `ModelError`
    for contexts that cannot be loaded."""
    return find_system(name).hosting()


def find_system(name: str) -> System:
    """The system at `module:attribute`, or the only one in `module`. The working directory is searched first.

    `.` stands for the system that `pyproject.toml` in the working directory names. Contexts that are given by their
    places are not loaded. Raises `Failure` if there is no such module, if it cannot be imported, or if it contains no
    such system.
    """
    if name == HERE:
        name = system_here()
    module_name, _, attribute = name.partition(":")
    module = _module("system", name, module_name)
    if attribute:
        found = getattr(module, attribute, None)
        if isinstance(found, System):
            return found
        what = f"{module_name} has no {attribute!r}" if found is None else f"{name} is a {type(found).__name__}"
        raise Failure("system.missing", what, where=name, expected="a remit.System", next=_instead(module))
    systems = _systems(module)
    if len(systems) != 1:
        count = "several systems" if systems else "no system"
        raise Failure(
            "system.ambiguous" if systems else "system.missing", f"{module_name} contains {count}", where=name,
            expected="one remit.System in the module, or module:attribute", next=_instead(module),
        )  # fmt: skip
    return next(iter(systems.values()))


def find_code_map(name: str) -> CodeMap | None:
    """The map of a code base at `module:attribute`, or the only one in a module without a system. None if there is
    none. Raises `Failure` as `find_system` does for a module that is missing or cannot be imported."""
    from remit.boundaries import CodeMap  # finding a system loads nothing that reads source text

    if name == HERE:
        return None
    module_name, _, attribute = name.partition(":")
    module = _module("system", name, module_name)
    if attribute:
        found = getattr(module, attribute, None)
        return found if isinstance(found, CodeMap) else None
    maps = list({id(each): each for each in vars(module).values() if isinstance(each, CodeMap)}.values())
    return maps[0] if len(maps) == 1 and not _systems(module) else None


def names_system(word: str) -> bool:
    """Whether a word names a system, by `.` or by a module that exists; the word may also be something else.

    Imports the module only if no attribute is given, to see whether it contains a system. Raises `Failure` if that
    import fails.
    """
    module_name, _, attribute = word.partition(":")
    if word == HERE or not _is_there(module_name):
        return word == HERE
    return bool(attribute or _systems(_module("system", word, module_name)))


def find_listener(name: str) -> Listener:
    """The listener at `module:function`. The working directory is searched first. Raises `Failure` if there is none."""
    module_name, _, attribute = name.partition(":")
    module = _module("listener", name, module_name) if module_name and attribute else None
    found: Any = getattr(module, attribute, None) if module is not None else None
    if not callable(found):
        what = "this names no function" if found is None else f"{name} is a {type(found).__name__}, not a function"
        raise Failure(
            "listener.missing", what, where=name or "--listen",
            expected="module:function", next="def hear(event: CallEnded) -> None, and --listen module:hear",
        )  # fmt: skip
    return cast("Listener", found)


def _systems(module: ModuleType) -> dict[str, System]:
    """The systems of a module, each by its first name."""
    found: dict[int, tuple[str, System]] = {}
    for name, value in vars(module).items():
        if isinstance(value, System):
            found.setdefault(id(value), (name, value))
    return dict(found.values())


def _instead(module: ModuleType) -> str:
    names = [f"{module.__name__}:{name}" for name in _systems(module)]
    return f"give {' or '.join(names)}" if names else 'make one: system = System("name", contexts=[...])'


def _is_there(module_name: str) -> bool:
    """Whether a module can be found. Imports neither it nor the packages that contain it."""
    first, *others = module_name.split(".")
    if not all(part.isidentifier() for part in (first, *others)):
        return False
    _search_here()
    package = find_spec(first) if first not in sys.modules else sys.modules[first].__spec__
    if package is None or not others:
        return package is not None
    places = [Path(folder, *others) for folder in package.submodule_search_locations or ()]
    try:
        return any(place.with_suffix(".py").is_file() or (place / "__init__.py").is_file() for place in places)
    except OSError:  # the name is too long for a file
        return False


def _search_here() -> None:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _module(kind: str, name: str, module_name: str) -> ModuleType:
    _search_here()
    try:
        return importlib.import_module(module_name)
    except RemitError:
        raise
    except Exception as error:
        if is_absent(error, module_name):
            raise Failure(
                f"{kind}.module", f"there is no module {module_name!r} here", where=str(Path.cwd()),
                expected="module:attribute, importable from the working directory"
                + (", or a topology file: FILE.toml" if kind == "system" else ""),
                next=_where_else(name),
            ) from None  # fmt: skip
        raise Failure(
            f"{kind}.import", f"importing {module_name} failed: {type(error).__name__}: {error}",
            where=raised_at(error),
            expected="a module that can be imported", next=_after_import(module_name, error),
        ) from error  # fmt: skip


def _after_import(module_name: str, error: Exception) -> str:
    shown = f"python -c 'import {module_name}' shows the traceback"
    if isinstance(error, ImportError) and "circular import" in str(error):
        shown += (
            "; a shared kernel that imports a context closes such a circle (kernel.dependent): remove the import of the"
            " module that the others need"
        )
    return shown


def _where_else(name: str) -> str:
    module_name, _, attribute = name.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        path = Path(module_name)
        return f"cd {path.parent} and give {path.stem}{':' + attribute if attribute else ''}"
    if near := near_module(module_name):
        return f"did you mean {near}{':' + attribute if attribute else ''}?"
    if "." in name and (file := nearest(name, [each.name for each in Path.cwd().glob("*.toml")])):
        return f"did you mean {file}?"
    return "change to the folder that contains it, or install the package"


HERE = "."
"""Stands for the system that `pyproject.toml` names."""
FILE = "pyproject.toml"


class _Remit(msgspec.Struct):
    system: str = ""


class _Tool(msgspec.Struct):
    remit: _Remit = msgspec.field(default_factory=_Remit)


class _Settings(msgspec.Struct):
    tool: _Tool = msgspec.field(default_factory=_Tool)


def names_one() -> bool:
    """Whether `pyproject.toml` of the working directory names a system. True also for a file that cannot be read."""
    try:
        return bool(system_here())
    except Failure as failure:
        return "cannot be read" in failure.what


def system_here() -> str:
    """The name of the system in `pyproject.toml` of the working directory. Raises `Failure` if there is none."""
    path = Path.cwd() / FILE
    try:
        if named := msgspec.toml.decode(path.read_bytes(), type=_Settings).tool.remit.system:
            return named
        why = f"{FILE} has no [tool.remit] system"
    except FileNotFoundError:
        why = f"there is no {FILE} here"
    except (OSError, ValueError, RecursionError) as error:
        why = f"{FILE} cannot be read: {error}"
    raise Failure(
        "system.unnamed", f"no system was given, and {why}", where=str(path),
        expected="a system, given to the command or named in the file",
        next='give module:attribute, or write into the file: [tool.remit] system = "module:attribute"',
    )  # fmt: skip
