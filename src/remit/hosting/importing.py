"""Records which module imports which while contexts are loaded: in whatever spelling, and of what is loaded already."""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import resolve_name
from threading import RLock
from types import FrameType, ModuleType
from typing import Any, NamedTuple

_LEFT_OUT = frozenset({*sys.stdlib_module_names, "remit", "msgspec", "__main__", ""})
"""The packages whose imports are not recorded."""


class _Imports(NamedTuple):
    globals: Mapping[str, Any]
    """Those of the module, to tell it from one of the same name that was loaded before or after."""
    found: dict[str, str]


_seen: dict[str, _Imports] = {}
_lock = RLock()


def imports_of(module: ModuleType) -> Mapping[str, str]:
    """What a module has imported while contexts were loaded, each with its place: the dotted name of a module, or of
    what `from` takes out of it."""
    seen = _seen.get(module.__name__)
    return seen.found if seen is not None and seen.globals is vars(module) else {}


@contextmanager
def recording() -> Generator[None]:
    """Records imports inside of it. They go through `builtins.__import__` and `importlib.import_module`, which are
    replaced meanwhile. One loading waits for another one."""
    with _lock:
        plain, dynamic = builtins.__import__, importlib.import_module
        builtins.__import__ = _statement(plain)
        importlib.import_module = _call(dynamic)
        try:
            yield
        finally:
            builtins.__import__, importlib.import_module = plain, dynamic


def _statement(plain: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  # the name of the parameter of __import__
        locals: Mapping[str, Any] | None = None,  # noqa: A002  # as above
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        found = plain(name, globals, locals, fromlist, level)
        if globals is not None and "__name__" in globals:
            imported = _absolute("." * level + name, globals.get("__package__"))
            _record(globals, imported, fromlist or (), sys._getframe(1))  # noqa: SLF001  # the only way to the place
        return found

    return recorded


def _call(dynamic: Callable[..., Any]) -> Callable[..., Any]:
    def recorded(name: str, package: str | None = None) -> Any:
        found = dynamic(name, package)
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # as above
        while frame is not None and _top(frame) in _LEFT_OUT:  # called by pkgutil, runpy and the like
            frame = frame.f_back
        if frame is not None:
            _record(frame.f_globals, _absolute(name, package), (), frame)
        return found

    return recorded


def _top(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _absolute(name: str, package: str | None) -> str:
    try:
        return resolve_name(name, package) if name else package or ""
    except ImportError:
        return ""


def _record(importer: Mapping[str, Any], imported: str, names: Sequence[str], frame: FrameType) -> None:
    module = str(importer["__name__"])
    if module.partition(".")[0] in _LEFT_OUT or imported.partition(".")[0] in _LEFT_OUT:
        return
    while frame.f_code.co_filename.startswith("<") and frame.f_back is not None:  # a text that is run
        frame = frame.f_back
    place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    seen = _seen.get(module)
    if seen is None or seen.globals is not importer:
        seen = _seen[module] = _Imports(importer, {})
    for name in names or ("",):
        seen.found.setdefault(f"{imported}.{name}" if name not in ("", "*") else imported, place)
