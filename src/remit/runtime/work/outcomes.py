"""Outcomes of commands with keys: a repeated command gets the stored outcome and is not applied again."""

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
from remit.transports import OUTSIDE

RENEW_SECONDS = 86_400.0
"""A repeated command renews an outcome older than this. A parked key is retried every six hours, so the calls of its
handler stay recognised while it is parked, unless it waits for a person."""


class CommandKey:
    """The idempotency key of a command. A key is unique for one caller and one command type."""

    __slots__ = ("caller", "fingerprint", "foreseen", "kept", "key", "scope", "trace")

    def __init__(self, caller: str, key: str, trace: str, type: str) -> None:
        self.caller = caller
        self.key = key
        self.trace = trace
        self.scope = f"{type} {caller}"
        self.fingerprint = b""
        self.foreseen: Foreseen | None = None
        self.kept = False
        """Whether the command ended with a refusal that is stored as its outcome: an equal call needs another key."""

    @property
    def origin(self) -> str:
        """Identifies the command, for ever."""
        return f"{self.scope}\0{self.key}"

    @property
    def speaker(self) -> str:
        """In whose name a call with this key is made: the context whose handler makes it, or `OUTSIDE`."""
        return speaker_of(self.caller)

    @property
    def cause(self) -> str:
        """The key; or the trace (hashed if need be), if the key is not alphanumeric. It may serve as an ordering
        key."""
        if self.key.isalnum():
            return self.key
        return self.trace if fits(self.trace) else blake2b(self.trace.encode(), digest_size=16).hexdigest()

    @property
    def keeps_refusals(self) -> bool:
        """Whether a raised refusal is stored as the outcome. Only for callers from outside, which can retry under a new
        key: they have no name, or one with a colon. A handler's derived keys stay the same when it runs again, when
        the reason may be gone. A returned refusal is always stored: it was committed with the handler's changes."""
        return not self.caller or ":" in self.caller

    def sign(self, handler: HandlerPlan, command: Any) -> None:
        """Stores a fingerprint of the command, to detect another command under the same key. Not for a derived key: it
        is made of the content, or stands for the command's identity whatever the content. Raises `BadValue`."""
        if not self.caller.endswith(DERIVED):
            self.fingerprint = blake2b(handler.codec.canonical(command), digest_size=16).digest()

    def row(self, outcome: bytes, at: float) -> KeyClaim:
        """The row to write. `at` is in seconds since the epoch."""
        return KeyClaim(self.scope, self.key, self.fingerprint, outcome, at)


def speaker_of(caller: str) -> str:
    """The context that owns the keys of a caller; `OUTSIDE` for a caller that is no context."""
    return OUTSIDE if not caller or ":" in caller else caller.removesuffix(DERIVED)


class Outcomes:
    """Looks up stored outcomes. Returns a reply as a one-tuple; raises a stored refusal."""

    def __init__(self, stamp: Callable[[], float]) -> None:
        self.stamp = stamp
        """Gives the time for rows that are deleted by age."""
        self._foreseen: list[UnitOfWork] = []

    async def known(self, store: KeyClaims, handler: HandlerPlan, claim: CommandKey | None) -> tuple[Any] | None:
        """The outcome stored under this key, or None. Raises `KeyReused`, and the errors of the store."""
        stored = None if claim is None else await store.outcome(claim.scope, claim.key)
        return None if claim is None or stored is None else await self._ended(store, handler, claim, stored)

    async def begin(
        self, store: Store, handler: HandlerPlan, claim: CommandKey, command: Any, at: float
    ) -> tuple[tuple[Any] | None, float]:
        """As `known`, and returns when handling of the command first began, if its handler needs that. In the same
        round trip it loads the row that the handler probably loads first."""
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
        """Hands the looked-up row to a unit of work. The row counts as loaded until the handler first waits."""
        unit.foreseen, claim.foreseen = claim.foreseen, None
        if not self._foreseen:  # one callback for all units of work begun in this iteration of the loop
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
            raise reused(claim.key, handler.contract.type)
        if self.stamp() - stored.at > RENEW_SECONDS:
            with contextlib.suppress(RemitError):  # the next repetition tries again
                await store.keep(claim.scope, claim.key, self.stamp())
        value = decode_reply(stored.outcome, handler.reply, handler.refusals)
        if isinstance(value, Refusal):
            claim.kept = True
            raise value
        return (value,)


def reused(key: str, type: str) -> KeyReused:
    """The error for a key that was used for a command with other contents."""
    return KeyReused(
        f"the key {key!r} was used for another message", where=type, expected="a new key for a new message",
        next="repeat the first message, or choose a new key",
    )  # fmt: skip
