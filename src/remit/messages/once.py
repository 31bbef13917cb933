"""Reads what does not change once: the annotations and the shapes of the classes that many rules look at.

Nothing is kept beyond a scope. Outside of one, everything is read anew, because a module that is imported later may
change what an annotation means.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_kept: ContextVar[dict[tuple[object, ...], tuple[Any, tuple[Any, ...]]] | None] = ContextVar("kept", default=None)


@contextmanager
def unchanged() -> Generator[None]:
    """A scope in which no module is imported and nothing is declared: each function under `once` is called once for the
    same arguments. A scope within a scope is part of it. Also a decorator."""
    if _kept.get() is not None:
        yield
        return
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def once(function: F) -> F:
    """Calls a function once per scope for the same objects as arguments. What it returns must not be changed."""

    @wraps(function)
    def read(*asked: Any) -> Any:
        kept = _kept.get()
        if kept is None:
            return function(*asked)
        key = (function, *map(id, asked))
        found = kept.get(key)
        if found is None:
            found = kept[key] = function(*asked), asked  # the arguments are kept, so that no other object has their id
        return found[0]

    return cast("F", read)
