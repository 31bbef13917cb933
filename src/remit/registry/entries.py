"""The entries of the registry: pure data, in the form in which `remit map --json` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

Kind = Literal["command", "query", "event"]
How = Literal["call", "event", "later", "translation"]
"""How a message reaches its receiver: a call that is answered, an event that is followed, a command sent for later, a
foreign message that is translated."""
ARRIVING = ("event", "translation")
"""The ways in which a context takes what its provider says, instead of asking it."""
Pattern = Literal["relation", "Partnership", "SharedKernel", "SeparateWays", "none"]
"""What relates two contexts. `relation`: upstream and downstream. `none`: they integrate, and no relation says so."""


@dataclass(frozen=True)
class Published:
    """A message of the published language of a context."""

    message: str
    """Its wire name: `billing.ConfirmInvoice`."""
    kind: Kind
    version: int


@dataclass(frozen=True)
class Consumed:
    """A message of another context that a context calls, follows or sends for later, or a foreign one that it
    translates."""

    context: str
    """The context that owns the message."""
    message: str
    how: How


@dataclass(frozen=True)
class ReadModel:
    """A projection, what it is folded from, and the queries whose handlers read it."""

    name: str
    folds: tuple[str, ...]
    queries: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What the registry knows of one context."""

    name: str
    kind: str = ""
    """The type of subdomain: `core`, `supporting` or `generic`. Empty for a context of which only the name is known."""
    owner: str = ""
    language: str = ""
    """The path of its language document, as it is declared."""
    packages: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    store: str = ""
    """The place of its store. Empty without a topology."""
    aggregates: tuple[str, ...] = ()
    publishes: tuple[Published, ...] = ()
    consumes: tuple[Consumed, ...] = ()
    read_models: tuple[ReadModel, ...] = ()
    is_foreign: bool = False
    """Whether it is no context of the system: `Foreign`."""


@dataclass(frozen=True)
class Flow:
    """Messages that travel between two contexts in one way."""

    how: How
    source: str
    """The context that calls, or publishes the event, or sends for later; or the foreign sender."""
    target: str
    """The context that answers, or follows, or handles the command, or translates."""
    messages: tuple[str, ...]


@dataclass(frozen=True)
class Link:
    """What connects two contexts: their relations, with the roles of each combined, and what travels between them.

    For a symmetric pattern, `upstream` and `downstream` are the two contexts in the order of their declaration.
    """

    upstream: str
    downstream: str
    pattern: Pattern
    upstream_roles: tuple[str, ...] = ()
    """`U`, `S`, `OHS`, `PL`."""
    downstream_roles: tuple[str, ...] = ()
    """`D`, `C`, `CF`, `ACL`."""
    flows: tuple[Flow, ...] = ()
    uses: tuple[str, ...] | None = None
    """The messages that the relation names. None: all that the upstream publishes."""


class Kernel(NamedTuple):
    """The package of a shared kernel, and the contexts that share it."""

    package: str
    contexts: tuple[str, ...]


@dataclass(frozen=True)
class Registry:
    """All contexts of a system or of a code base, and the links between them."""

    name: str
    contexts: tuple[Entry, ...]
    links: tuple[Link, ...]
    open_hosts: tuple[str, ...] = ()
    """The contexts that are open hosts, also those that nobody consumes yet."""
    kernels: tuple[Kernel, ...] = ()

    @property
    def own(self) -> tuple[Entry, ...]:
        """The contexts, without what other people run."""
        return tuple(entry for entry in self.contexts if not entry.is_foreign)
