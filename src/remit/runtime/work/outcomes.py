"""Outcomes of commands under keys: a command that is repeated is answered as it was, and not applied again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from remit.errors import KeyReused, RemitError
from remit.messages import Refusal, decode_reply, fits
from remit.runtime.plan import HandlerPlan
from remit.runtime.work.attempts import DERIVED
from remit.runtime.work.unit import Foreseen, UnitOfWork
from remit.stores import KeyClaim, Store, StoredOutcome
from remit.stores.port import KeyClaims

RENEW_SECONDS = 86_400.0
"""An outcome older than that is kept anew when the command is repeated. A parked key is tried every six hours, so the
calls its handler makes stay recognised for as long as it is parked; except one that waits for a person."""


class CommandKey:
    """Under which key a command is applied once. A key means something among those of one caller and one type."""

    __slots__ = ("caller", "fingerprint", "foreseen", "key", "scope", "trace")

    def __init__(self, caller: str, key: str, trace: str, type: str) -> None:
        self.caller = caller
        self.key = key
        self.trace = trace
        self.scope = f"{type} {caller}"
        self.fingerprint = b""
        self.foreseen: Foreseen | None = None

    @property
    def origin(self) -> str:
        """What identifies the command for ever."""
        return f"{self.scope}\0{self.key}"

    @property
    def cause(self) -> str:
        """Its key, or what it belongs to where a key cannot stand in a header as it is. It may order messages."""
        if self.key.isalnum():
            return self.key
        return self.trace if fits(self.trace) else blake2b(self.trace.encode(), digest_size=16).hexdigest()

    @property
    def keeps_refusals(self) -> bool:
        """Whether a refusal that was raised is the outcome for ever: for callers from outside, which decide themselves
        whether to try again under a new key. They have no name, or one with a colon. The keys of a handler stay the
        same when it runs again, and the reason may have gone. One that was returned is always the outcome: it has been
        committed with what the handler has changed."""
        return not self.caller or ":" in self.caller

    def sign(self, handler: HandlerPlan, command: Any) -> None:
        """Notes what the command says, so that another one under the same key is found. A derived key says it already,
        or it stands for the identity, whatever else the command says. Raises `BadValue`."""
        if not self.caller.endswith(DERIVED):
            self.fingerprint = blake2b(handler.codec.canonical(command), digest_size=16).digest()

    def row(self, outcome: bytes, at: float) -> KeyClaim:
        """The row to be written. `at` is in seconds since the epoch."""
        return KeyClaim(self.scope, self.key, self.fingerprint, outcome, at)


class Outcomes:
    """Looks up what commands have ended with. A found reply is a one-tuple; a found refusal is raised."""

    def __init__(self, stamp: Callable[[], float]) -> None:
        self.stamp = stamp
        """The time of what is deleted by its age."""
        self._foreseen: list[UnitOfWork] = []

    async def known(self, store: KeyClaims, handler: HandlerPlan, claim: CommandKey | None) -> tuple[Any] | None:
        """The outcome stored under this key, if any. Raises `KeyReused`, and as the store does."""
        stored = None if claim is None else await store.outcome(claim.scope, claim.key)
        return None if claim is None or stored is None else await self._ended(store, handler, claim, stored)

    async def begin(
        self, store: Store, handler: HandlerPlan, claim: CommandKey, command: Any, at: float
    ) -> tuple[tuple[Any] | None, float]:
        """The same, and when the command was first begun, if its handler needs that; in one go with it, what the
        handler is likely to load first is looked up."""
        likely = handler.likely
        if handler.keeps_time:
            stored, at = await store.first_begun(claim.scope, claim.key, at)
        elif likely is not None and store.technology.apart and fits(id := str(getattr(command, likely[1]))):
            stored, row = await store.recall(claim.scope, claim.key, likely[0], id)
            claim.foreseen = ((likely[0], id), row)
        else:
            stored = await store.outcome(claim.scope, claim.key)
        return None if stored is None else await self._ended(store, handler, claim, stored), at

    def foresee(self, unit: UnitOfWork, claim: CommandKey) -> None:
        """Gives a unit of work what was looked up for it. It counts as loaded until the handler first waits."""
        unit.foreseen, claim.foreseen = claim.foreseen, None
        if not self._foreseen:  # all that are begun in one turn of the loop together
            asyncio.get_running_loop().call_soon(self._overlook)
        self._foreseen.append(unit)

    def _overlook(self) -> None:
        units, self._foreseen = self._foreseen, []
        for unit in units:
            unit.overlook()

    async def _ended(
        self, store: KeyClaims, handler: HandlerPlan, claim: CommandKey, stored: StoredOutcome
    ) -> tuple[Any]:
        if stored.fingerprint != claim.fingerprint:
            raise KeyReused(
                f"the key {claim.key!r} was used for another message", where=handler.contract.type,
                expected="a new key for a new message", next="repeat the first message, or choose a new key",
            )  # fmt: skip
        if self.stamp() - stored.at > RENEW_SECONDS:
            with contextlib.suppress(RemitError):  # the next repetition does it
                await store.keep(claim.scope, claim.key, self.stamp())
        value = decode_reply(stored.outcome, handler.reply, handler.refusals)
        if isinstance(value, Refusal):
            raise value
        return (value,)
