"""What a caller gets to see: the reply as it arrives, a declared refusal, or a `CallError`; nothing from inside.

With wire parity, messages and replies of this process go through the codec as those of others do.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import msgspec

from remit.errors import (
    AlreadyExists,
    BadKey,
    BadValue,
    CallError,
    DeadlineExceeded,
    HandlerFailed,
    NotFound,
    OutcomeUnknown,
    RemitError,
    ReplyTooLarge,
    StoreError,
    TooLarge,
)
from remit.messages import Refusal, decode_reply, write_reply
from remit.runtime.events import HandlerRaised
from remit.runtime.failures import told
from remit.runtime.listeners import Listeners
from remit.runtime.plan import HandlerPlan
from remit.runtime.work.attempts import is_end
from remit.runtime.work.deadlines import Limit

_OF_THE_MESSAGE = (NotFound, AlreadyExists, BadKey)


class Telling:
    """Tells callers how their calls have ended, and the listeners what has failed."""

    def __init__(self, listeners: Listeners, *, parity: bool) -> None:
        self._listeners = listeners
        self.parity = parity

    def returned(self, handler: HandlerPlan, reply: Any) -> Any:
        """The reply as it arrives."""
        try:
            return decode_reply(write_reply(reply, handler.reply), handler.reply, handler.refusals)
        except (RemitError, msgspec.MsgspecError, TypeError) as error:
            raise RemitError(
                f"the reply of {handler.contract.type} would not survive the wire: {error}", where=handler.name
            ) from error

    def tell(self, handler: HandlerPlan, limit: Limit, error: BaseException, trace: str) -> NoReturn:
        """Raises what the caller may see of what went wrong inside. `trace` is what the call belongs to. What the
        handler itself has raised is the `__cause__` of a failure, for callers in this process."""
        if is_end(error) and not isinstance(error, asyncio.CancelledError):  # whose it is, the rest tells
            raise error
        if limit.owns_cancellation() and not isinstance(error, OutcomeUnknown):
            raise DeadlineExceeded(
                f"{handler.contract.type} was not done by its deadline; what it had called by then stays",
                where=handler.name, next="try again with the same key",
            ) from None  # fmt: skip
        if isinstance(error, asyncio.CancelledError):
            if limit.is_asked_to_end():
                raise error
        elif isinstance(error, Refusal):
            self._refuse(handler, error, trace)
        elif _is_told(error):
            raise _answer(error)
        self._say(handler, told(error), error, trace)
        raise HandlerFailed(
            f"{handler.contract.type} failed in its handler{_made(error)}", where=handler.name,
            next="see the log of the service that runs it",
        ) from error  # fmt: skip

    def _refuse(self, handler: HandlerPlan, refusal: Refusal, trace: str) -> NoReturn:
        """Raises a declared refusal, as it arrives. Of a subclass nobody elsewhere would know what it is."""
        if refusal.__class__ in handler.refusals:
            raise self._written(handler, refusal, trace) from None
        self._say(handler, f"ended with the undeclared refusal {refusal}", refusal, trace)
        raise HandlerFailed(
            f"{handler.contract.type} ended with a refusal it does not declare: {type(refusal).__name__}",
            where=handler.name, expected=", ".join(r.__name__ for r in handler.refusals) or "no refusal",
            next=f"declare it: class {handler.contract.message.__name__}(Command[..., {type(refusal).__name__}])",
        ) from refusal  # fmt: skip

    def _written(self, handler: HandlerPlan, refusal: Refusal, trace: str) -> Refusal:
        """The refusal as it arrives. Raises `HandlerFailed` for one that could not be written."""
        try:
            written = write_reply(refusal, handler.reply)
        except BadValue as error:
            self._say(handler, told(error), error, trace)
            raise HandlerFailed(
                f"{handler.contract.type} was refused, which cannot be said: {error.what}", where=handler.name,
                expected=error.expected, next=error.next,
            ) from error  # fmt: skip
        if self.parity:
            decoded: Refusal = decode_reply(written, handler.reply, handler.refusals)
            return decoded
        return refusal

    def _say(self, handler: HandlerPlan, what: str, error: BaseException, trace: str) -> None:
        self._listeners.say(HandlerRaised(self._listeners.seconds(), trace, handler.name, what, error))


def _is_told(error: BaseException) -> bool:
    """Whether the caller hears of an error as it is. What is wrong with an identity or key is so with the caller's
    message, unless it was wrong in a call that the handler has made; what is too large here, the handler has made."""
    if isinstance(error, _OF_THE_MESSAGE):
        return not error.answered
    return isinstance(error, (CallError, StoreError)) and not isinstance(error, (TooLarge, ReplyTooLarge))


def _answer(error: BaseException) -> BaseException:
    """The error that a call ends with. One about the message says so in a copy: the handler's own may be raised again,
    by a module that keeps it."""
    if not isinstance(error, _OF_THE_MESSAGE):
        return error
    made = error.__class__.__new__(error.__class__, *error.args)  # not by its constructor, which may be a user's own
    made.__dict__.update(error.__dict__, answered=True)
    made.__cause__ = error.__cause__
    return made.with_traceback(error.__traceback__)


def _made(error: BaseException) -> str:
    """What the caller may hear of what a handler has made: what was wrong with a value, or with a call of its own."""
    if isinstance(error, BadValue):
        return f": {error.what}"
    return f": {told(error)}" if isinstance(error, (*_OF_THE_MESSAGE, TooLarge, ReplyTooLarge)) else ""
