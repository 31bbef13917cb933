"""Doubles stand for the neighbours of a context in a test, within their published language."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Self, TypeVar, overload

from remit.contexts import Context
from remit.contexts.annotations import is_kind
from remit.errors import BadMessage, CallError, HandlerFailed, OutcomeUnknown
from remit.messages import Command, IntegrationEvent, Query, Refusal, contract_of
from remit.messages.component import Component
from remit.runtime.freshness.reaching import Reached
from remit.runtime.remote.headers import read_identity
from remit.runtime.remote.wire import CallCodec, answer_of, failure
from remit.runtime.work.outcomes import CommandKey, reused
from remit.testing.answers import Answers, CommandType, On, QueryType
from remit.testing.language import Language
from remit.testing.mistakes import KitError
from remit.transports import CallCapabilities, CallRequest, CallResponse
from remit.transports.calls import Answering, fitting

MAX_BYTES = 1 << 20
"""The largest message and the largest reply between a context and a double."""
M = TypeVar("M", bound=Command[Any, Any] | Query[Any, Any])
X = TypeVar("X")
R = TypeVar("R")


class Double:
    """Stands for a context that a test does not run: answers calls, and publishes the events that the test injects.

    `context` is the context or its name. `publishes` lists the integration events that a test may inject for it; by
    default, all that the context publishes. `alone` checks every double against the published language of its context.
    """

    def __init__(
        self, context: Context[Any] | str, *, publishes: Sequence[type[IntegrationEvent]] | None = None
    ) -> None:
        self.name = context if isinstance(context, str) else context.name
        """The name of the context that it stands for."""
        self.publishes = publishes
        self.replies = Answers(f"the double of {self.name}")
        self._received: list[Any] = []
        self._language: Language | None = None

    @overload
    def on(self, message: CommandType[X, R], /) -> On[Self, X, R]: ...
    @overload
    def on(self, message: QueryType[X, R], /) -> On[Self, X, R]: ...
    def on(self, message: Any, /) -> On[Any, Any, Any]:
        """Answers a command or query: `.on(ConfirmInvoice).answers("i-1")`. A later answer replaces an earlier one."""
        return On(self, self.replies, message)

    def received(self, message: type[M], /) -> list[M]:
        """The commands or queries of a class that it has received, in order. Raises `KitError` for a class that its
        context does not handle, once the double is in use."""
        if self._language is not None:
            self._language.require_called(message, f"Double({self.name!r}).received")
        return [each for each in self._received if isinstance(each, message)]

    async def reply_to(self, message: Any) -> Any:
        """Its answer; a refusal as a value. Raises `KitError`, and what the test's function raises."""
        self._received.append(message)
        kind: type = message.__class__
        if kind not in self.replies:
            raise KitError(
                f"{kind.__name__} is called, but the double of {self.name} does not answer it",
                where=f"Double({self.name!r})", expected="an answer to each call",
                next=f".on({kind.__name__}).answers(<reply, refusal or function>)",
            )  # fmt: skip
        return await self.replies.reply_to(message)

    def require(self, language: Language) -> None:
        """Raises `KitError` if it answers or publishes a message outside the published language."""
        self._language = language
        for message in self.replies.messages:
            language.require_called(message, f"Double({self.name!r}).on")
        for event in self.publishes or ():
            language.require_published(event, f"Double({self.name!r}, publishes=...)")


class DoubleCalls:
    """A call channel on which doubles answer. Errors for the test are added to `faults`. A command whose key was used
    gets the response to the first one."""

    def __init__(self, doubles: Sequence[Double], faults: list[Exception]) -> None:
        self.capabilities = CallCapabilities(max_bytes=MAX_BYTES, finds_services=True)
        self._doubles = {each.name: each for each in doubles}
        self._faults = faults
        self._codecs: dict[tuple[str, str], CallCodec] = {}
        self._outcomes: dict[tuple[str, str], tuple[bytes, CallResponse]] = {}
        """Responses to commands, by scope and key, each with the fingerprint of the command."""
        for double in doubles:
            for message in double.replies.messages:
                self._codec(double.name, message)

    def _codec(self, context: str, message: Any) -> CallCodec:
        contract = contract_of(message, context)
        made = CallCodec(context, "command" if is_kind(message, Command) else "query", contract, "json")
        self._codecs[contract.type, str(contract.version)] = made
        return made

    async def open(self) -> None:
        """Does nothing."""

    async def close(self) -> None:
        """Does nothing."""

    async def serve(self, address: str, answering: Answering) -> None:
        """Does nothing: no process calls."""

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        """The response of the double."""
        component = Component.read(address)
        if component.part == "log":
            return answer_of(Reached({}, [], [], asks=False, traces=[]))  # a fresh answer need not wait for a double
        if request.kind == "ping":
            return CallResponse("ok", {}, b"")
        if len(request.body) > MAX_BYTES:
            raise BadMessage(f"{len(request.body)} bytes", where=address, expected=f"at most {MAX_BYTES} bytes")
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return fitting(await self._respond(component.context, request, address), MAX_BYTES)
        except TimeoutError:
            if not limit.expired():
                raise
        raise OutcomeUnknown(f"no answer within {seconds:.3f} s", where=address)

    async def _respond(self, context: str, request: CallRequest, address: str) -> CallResponse:
        try:
            return await self._answer(context, request)
        except CallError as error:
            return failure(error)  # a double may be away
        except Exception as error:  # noqa: BLE001  # whatever the test's function raises is reported to the test
            self._faults.append(error)
            return failure(HandlerFailed(f"the double of {context} failed: {error}", where=address))

    async def _answer(self, context: str, request: CallRequest) -> CallResponse:
        type, version = request.headers["remit-type"], request.headers["remit-version"]
        double, codec = self._doubles.get(context), self._codecs.get((type, version))
        if double is None or codec is None:
            what = "it has no double" if double is None else "its double does not answer that"
            raise KitError(
                f"{type} of {context} is called, but {what}", where="alone", expected="an answer to each call",
                next=f"doubles=[Double({context!r}).on({type.partition('.')[2]}).answers(...)]",
            )  # fmt: skip
        message = codec.read(request)
        if request.kind == "query":
            return codec.answer(await double.reply_to(message))
        claim = CommandKey(*read_identity(request), type)
        target: Any = codec  # it has the codec that a `HandlerPlan` has
        claim.sign(target, message)
        if (known := self._outcomes.get((claim.scope, claim.key))) is not None:
            if known[0] != claim.fingerprint:
                raise reused(claim.key, type)
            return known[1]
        reply = await double.reply_to(message)
        response = codec.answer(reply)
        if not isinstance(reply, Refusal) or claim.keeps_refusals:
            self._outcomes[claim.scope, claim.key] = claim.fingerprint, response
        return response
