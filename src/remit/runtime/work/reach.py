"""What the handlers of a context may use of others by the relations of the context map: messages and tables."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from types import FrameType, MappingProxyType

from remit.contexts import Model
from remit.contexts.coverage import Coverage, Gap
from remit.errors import NotCovered
from remit.messages import Message
from remit.runtime.work.tables import Tables, tables_of


def reaches_of(
    model: Model, contexts: Iterable[str], schemas: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Reach]:
    """The reach of each of these contexts. Empty if the system states no relations: then nothing is restricted.

    `schemas` is the database schema of each context of the system, as far as they are in a schema.
    """
    coverage = Coverage(model)
    if not coverage.is_restricted:
        return {}
    owned: dict[str, list[type[Message]]] = {}
    for message, owner in model.owners.items():
        owned.setdefault(owner, []).append(message)
    contexts, tables = list(contexts), tables_of(model, schemas)
    known = {name: [each for of in (name, *coverage.owners(name)) for each in owned.get(of, ())] for name in contexts}
    return {name: Reach(name, coverage, model, messages, tables.get(name)) for name, messages in known.items()}


class Reach:
    """The messages of other contexts that the handlers of a context may use, by the relations of the context map.

    A handler may use any message whose class is in `covered`. Another class is judged when it is first used, because a
    message may be in a module that was imported after the start. A message of a context behind an anti-corruption layer
    is judged with each use: it depends on the code that uses it.
    """

    __slots__ = ("_context", "_coverage", "_owner_of", "covered", "model", "tables")

    def __init__(
        self,
        context: str,
        coverage: Coverage,
        model: Model,
        known: Collection[type[Message]],
        tables: Tables | None = None,
    ) -> None:
        """`model` is the model of the system. `known` are declared messages that the context may use."""
        self.model = model
        self._context = context
        self._coverage = coverage
        self._owner_of = model.owner_of
        self.tables = tables
        """The tables that statements may name. None: those that the store lets them reach."""
        self.covered: set[type] = {
            message for message in known if self._gap(message) is None and not self._layer(message)
        }

    def require(self, message: type, does: str) -> None:
        """Raises `NotCovered` for a message that no relation covers. `does` says what the handler does with it."""
        gap = self._gap(message)
        if gap is not None:
            raise NotCovered(
                f"{self._context!r} {does} {message.__name__} of {self._owner_of(message)!r}, and {gap.why}",
                where=self._context, expected=gap.expected, next=gap.next,
            )  # fmt: skip
        layer = self._layer(message)
        if layer and not _runs_in(layer):
            raise NotCovered(
                f"{self._context!r} {does} {message.__name__} of {self._owner_of(message)!r} outside of its"
                " AntiCorruptionLayer", where=self._context,
                expected=f"only code of {layer} uses it", next=f"call a function of {layer} that uses it",
            )  # fmt: skip
        if not layer and self._owner_of(message) is not None:
            self.covered.add(message)

    def _layer(self, message: type) -> str:
        """The module that alone may use a message; empty if any may."""
        owner = self._owner_of(message)
        layer = None if owner is None else self._coverage.layer(self._context, owner)
        return "" if layer is None else layer.module

    def _gap(self, message: type) -> Gap | None:
        owner = self._owner_of(message)
        return None if owner is None else self._coverage.gap(self._context, owner, message)


within: ContextVar[Reach | None] = ContextVar("within", default=None)
"""The reach of the context whose handler is running, also in the tasks that it has made."""

_LOOPS = frozenset({"asyncio.events", "asyncio.base_events", "asyncio.runners", "asyncio.unix_events"})
"""The modules of event loops, below which a task begins."""


def _runs_in(layer: str) -> bool:
    """Whether code of a module, or of a module in this package, is running on behalf of the handler.

    The frames between this call and the one that has called the handler are looked at. True too if there are none, as
    in a task of its own: then it is not known which code has made the call.
    """
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  # exists in all supported Pythons
    has_code = False
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        is_own = module.partition(".")[0] == "remit"
        if module in _LOOPS or (is_own and has_code):
            break
        if module == layer or module.startswith(f"{layer}."):
            return True
        has_code = has_code or not (is_own or module.startswith("asyncio."))
        frame = frame.f_back
    return not has_code
