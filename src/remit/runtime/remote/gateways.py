"""The lines of gateways: the deadline, the circuit breaker and the keys of calls to foreign systems."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import blake2b
from random import Random
from typing import Any

from remit.contexts import Ids
from remit.contexts.gateways import Gateway, meaning_of, seconds_of
from remit.domain import recording
from remit.errors import CallError, HandlerFailed, OutcomeUnknown
from remit.messages import Refusal
from remit.runtime.events import HandlerRaised
from remit.runtime.failures import told
from remit.runtime.listeners import Listeners
from remit.runtime.remote.breaker import Breaker
from remit.runtime.work.attempts import Attempt
from remit.runtime.work.deadlines import NEVER


async def _nothing() -> None:
    return


class _Breaker(Breaker):
    """Nobody knows how to probe a foreign system, so the next call is the probe."""

    def _start_probe(self) -> None:
        return


class GatewayLine:
    """The line of one gateway of a context. Implements `Line`."""

    def __init__(self, context: str, gateway: Gateway, ids: Ids, random: Random, listeners: Listeners) -> None:
        self.name = f"{context}.{type(gateway).__name__}"
        self._ids = ids
        self._listeners = listeners
        self._breaker = _Breaker(self.name, _nothing, random, listeners)

    def key(self, name: str) -> str:
        """The key of one call: of the handled message, its handler, the method, and how often the run has called it."""
        attempt = recording.get()
        if not isinstance(attempt, Attempt) or attempt.ended or not attempt.origin:
            return self._ids.new()
        number = attempt.outward = attempt.outward + 1
        return blake2b(f"{attempt.origin}\0{self.name}.{name}\0{number}".encode(), digest_size=16).hexdigest()

    async def call(self, gateway: Gateway, name: str, method: Callable[[], Awaitable[Any]]) -> Any:
        """Awaits a method of the gateway. Raises only refusals and `CallError`s."""
        with self._breaker.enter(NEVER):
            try:
                return await self._bounded(gateway, name, method)
            except Refusal as answer:
                refusal = answer  # the foreign system has answered, which the breaker counts as a success
        raise refusal

    async def _bounded(self, gateway: Gateway, name: str, method: Callable[[], Awaitable[Any]]) -> Any:
        seconds = seconds_of(gateway)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                answer = await method()
            if not limit.expired():  # else the method has caught its cancellation
                return answer
        except (Refusal, CallError):
            raise
        except Exception as error:
            if not (limit.expired() and isinstance(error, TimeoutError)):
                meant = meaning_of(gateway, name, error)
                if isinstance(meant, HandlerFailed):
                    self._listeners.say(HandlerRaised(self._listeners.seconds(), "", self.name, told(error), error))
                raise meant from error
        raise OutcomeUnknown(
            f"{name}: no answer within {seconds:g} s", where=self.name, expected="an answer by the deadline"
        )

    def close(self) -> None:
        """Ends the timer of the breaker."""
        self._breaker.close()
