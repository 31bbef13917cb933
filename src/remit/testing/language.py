"""The published language of a context: what other contexts may ask of it, and what it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remit.contexts import Context
from remit.contexts.annotations import announced_by, is_kind, published_by
from remit.messages import Command, IntegrationEvent, Query, declared_context
from remit.testing.mistakes import KitError


class Language:
    """What is known of the published language of one context."""

    def __init__(self, name: str, context: Context[Any] | None, owners: Mapping[Any, str]) -> None:
        """Without the context, only what the messages' modules tell is known. `owners` are the contexts of messages
        whose modules do not name them."""
        self.name = name
        self._owners = owners
        self._called: set[Any] | None = None
        self._published: set[Any] | None = None
        if context is not None:
            self._called = {each.message for each in context.handlers if is_kind(each.message, Command, Query)}
            self._published = {event for each in context.publishers for event in published_by(each.function)}
            self._published |= {event for event in context.outbox if is_kind(event, IntegrationEvent)}
            self._published |= {event for event, _ in announced_by(context) if is_kind(event, IntegrationEvent)}

    def require_called(self, message: Any, where: str) -> None:
        """Raises `KitError` for a message that other contexts cannot call."""
        self._require(message, self._called, where, "handles")

    def require_published(self, event: Any, where: str) -> None:
        """Raises `KitError` for an event that the context does not publish."""
        self._require(event, self._published, where, "publishes")

    def _require(self, message: Any, known: set[Any] | None, where: str, verb: str) -> None:
        if known is None:
            owner = declared_context(message) or self._owners.get(message, self.name)
            if owner == self.name:
                return
            expected = f"a message of {self.name}; this one is of {owner}"
        elif message in known:
            return
        else:
            expected = f"one of: {', '.join(sorted(each.__name__ for each in known))}" if known else "nothing"
        raise KitError(
            f"{message.__name__} is not what {self.name} {verb}", where=where, expected=expected,
            next=f"see the published language of {self.name}",
        )  # fmt: skip
