"""What one file says: its dependencies in every spelling, what it passes on, and what else the rules look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Use(NamedTuple):
    """One place where a file names something of another module."""

    target: str
    """The dotted name, resolved through imports and aliases: a module, or something in it."""
    line: int
    how: str
    """The spelling: a row of the table in docs/boundaries.md."""
    typing: bool = False
    """Whether only type checkers see it."""
    deferred: bool = False
    """Whether it runs later than the import of the module: inside a function."""


class Model(NamedTuple):
    """A class with annotated fields."""

    name: str
    line: int
    fields: tuple[str, ...]


class Facts(NamedTuple):
    """What a file says. It can be sent between processes."""

    module: str
    path: str
    is_package: bool = False
    uses: tuple[Use, ...] = ()
    """Everything that it uses of the code base, and the modules that it imports from outside."""
    names: Mapping[str, tuple[str, ...]] = {}
    """The names that it offers without having made them, with where they come from: what it re-exports."""
    stars: tuple[str, ...] = ()
    """The modules of which it re-exports everything."""
    own: frozenset[str] = frozenset()
    """The names that it makes itself."""
    identities: frozenset[str] = frozenset()
    """Those of its own names that are identities: a `NewType`, or an `Identifier` of `remit.values`."""
    public: tuple[str, ...] | None = None
    """`__all__`, if it is a literal."""
    models: tuple[Model, ...] = ()
    impure: tuple[tuple[str, int], ...] = ()
    """The calls of I/O, clock and randomness, with their lines."""
    sql: tuple[tuple[str, int], ...] = ()
    """Texts that look like SQL, with their lines."""
    keys: tuple[tuple[str, int], ...] = ()
    """The models of Django to which fields refer by a text, such as `sales.Order`, with their lines."""
    unknown: tuple[tuple[str, int], ...] = ()
    """The dynamic imports whose module is not written in the file, with their lines. Empty: the file binds a name more
    often, or has more texts that are code, than is read."""
    is_bare: bool = False
    """Whether it says nothing: at most a docstring."""
    digest: str = ""
    """The hash of its source text."""
    fault: str = ""
    """Why it could not be read. Then nothing else is known of it."""
    line: int = 1
    """The line of the fault."""
