"""Webhooks: what a process does with a request that an edge has received. Nothing is stored before it is verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from remit.contexts import Header, Webhook
from remit.contexts.foreign import path_of
from remit.errors import BadMessage
from remit.runtime.events import DeliveryRefused
from remit.runtime.listeners import Listeners
from remit.runtime.plan import TranslationPlan
from remit.runtime.work.deliveries import Arrivals
from remit.runtime.work.shared import Shared


class Hook:
    """One webhook whose requests this process takes."""

    def __init__(self, context: str, source: Webhook[Any], arrivals: Arrivals, listeners: Listeners) -> None:
        self.context = context
        self.source = source
        self.name = arrivals.translator.name
        """`<context>.foreign:<source>`."""
        self._arrivals = arrivals
        self._listeners = listeners
        self._refused = 0

    @property
    def path(self) -> str:
        """The path at which an edge serves it."""
        return path_of(self.source, self.context)

    def fault(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[bytes]) -> str | None:
        """Why the signature of a request is not accepted; None if it is. `headers` have lower-case names."""
        return self.source.verify.fault(headers, body, self._listeners.seconds(), secrets)

    def refused(self, what: str) -> None:
        """Reports that a request was refused."""
        self._refused += 1
        self._listeners.say(DeliveryRefused(self._listeners.seconds(), "", self.name, what, self._refused))

    async def accept(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Stores the message of a request whose signature fits. Returns False for a repetition, which changes nothing.

        Raises `BadMessage` for a body that is not JSON, and the errors of the store. A message of another form than
        the translation expects is stored: its translation fails, and it waits until the translation is corrected.
        """
        try:
            msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(
                f"the body is not JSON: {error}", where=self.name, expected="a JSON value in UTF-8",
            ) from error  # fmt: skip
        key = self.source.key
        return await self._arrivals.accept(body, headers.get(key.name.lower(), "") if isinstance(key, Header) else "")


def hooks_of(shared: Shared, listeners: Listeners) -> Iterator[Hook]:
    """The webhooks of the contexts whose component `acl` runs in this process."""
    for workplace in shared.workplaces.values():
        for follow in workplace.plan.follows.values():
            if isinstance(follow, TranslationPlan) and isinstance(follow.translator.source, Webhook):
                source: Webhook[Any] = follow.translator.source
                yield Hook(workplace.plan.name, source, Arrivals(follow.translator, workplace, shared.stamp), listeners)
