"""The names of the messages that one context may use of another one, as far as a process knows the map."""

from __future__ import annotations

from collections.abc import Sequence

from remit.contexts.coverage import Coverage
from remit.contexts.declarations import known_events
from remit.contexts.map import ContextMap
from remit.contexts.relations import Messages, SeparateWays
from remit.messages import contract_of

EVERYTHING = ("*",)
"""In place of names: the whole published language."""


class Usage:
    """What the contexts of a map may use of one another."""

    def __init__(self, declared: ContextMap) -> None:
        self._coverage = Coverage(declared)
        self._granted = declared.granted
        self._apart = {frozenset(each.names) for each in declared.relations if isinstance(each, SeparateWays)}
        self._loaded = {context.name for context in (*declared.contexts, *declared.beside)}

    def names(self, upstream: str, downstream: str) -> Sequence[str]:
        """The names of the messages of `upstream` that `downstream` may use; `EVERYTHING`; empty if it may use none."""
        if upstream == downstream:
            return EVERYTHING
        if self._granted is not None:
            return self._granted.get(downstream, {}).get(upstream, ())
        if not self._coverage.is_restricted:
            return EVERYTHING
        if frozenset((upstream, downstream)) in self._apart:
            return ()
        named = [_named(each.messages) for each in self._coverage.grants(downstream, upstream)]
        return EVERYTHING if EVERYTHING in named else sorted({name for names in named for name in names})

    def known(self, upstream: str, downstream: str) -> frozenset[str] | None:
        """The same as a set, as far as it is known here; None for everything.

        A context whose declarations are not loaded may state relations that are not known here. So if it may use
        nothing by the known ones, everything counts as usable, unless the two have gone separate ways.
        """
        names = self.names(upstream, downstream)
        if EVERYTHING[0] in names:
            return None
        is_apart = frozenset((upstream, downstream)) in self._apart
        is_known = self._granted is not None or downstream in self._loaded or is_apart
        return frozenset(names) if names or is_known else None


def _named(messages: Messages | None) -> Sequence[str]:
    if messages is None:
        return EVERYTHING
    texts = [each for each in messages if isinstance(each, str)]
    classes = [known for each in messages if not isinstance(each, str) for known in (each, *known_events(each))]
    return sorted({each.rpartition(".")[2] for each in (*texts, *(contract_of(each, "").type for each in classes))})
