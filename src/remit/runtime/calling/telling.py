"""Decides what a caller sees: the reply, a declared refusal, or a `CallError`, and no internal exceptions.

With wire parity, messages and replies within this process go through the codec, as those between processes do.
"""

from __future__ import annotations

import asyncio
from typing import Any, NoReturn

import msgspec

from remit.errors import (
    AlreadyExists,
    BadCursor,
    BadKey,
    BadLimit,
    BadPosition,
    BadValue,
    CallError,
    DeadlineExceeded,
    HandlerFailed,
    NoIndex,
    NotCovered,
    NotFound,
    NotMeasured,
    OutcomeUnknown,
    RemitError,
    ReplyTooLarge,
    SecondAggregate,
    SqlError,
    StoreError,
    TableNotCovered,
    TooLarge,
)
from remit.messages import Query, Refusal, decode_reply, write_reply
from remit.runtime.events import HandlerRaised
from remit.runtime.failures import told
from remit.runtime.listeners import Listeners
from remit.runtime.plan import HandlerPlan
from remit.runtime.work.attempts import is_end
from remit.runtime.work.deadlines import Limit

_OF_THE_MESSAGE = (NotFound, AlreadyExists, BadCursor, BadKey, BadLimit, BadPosition)
_OF_THE_HANDLER = (TooLarge, ReplyTooLarge, NoIndex, NotCovered, NotMeasured, SecondAggregate, TableNotCovered)


class Telling:
    """Turns the end of a call into what its caller sees, and reports failures to listeners."""

    def __init__(self, listeners: Listeners, *, parity: bool) -> None:
        self._listeners = listeners
        self.parity = parity

    def returned(self, handler: HandlerPlan, reply: Any) -> Any:
        """The reply as the caller receives it. Raises `RemitError` if the codec cannot carry it."""
        try:
            return decode_reply(write_reply(reply, handler.reply), handler.reply, handler.refusals)
        except (RemitError, msgspec.MsgspecError, TypeError) as error:
            raise RemitError(
                f"the reply of {handler.contract.type} would not survive the wire: {error}", where=handler.name,
                expected=f"a reply of the type that {handler.contract.message.__name__} declares",
                next="return such a reply, or change the declared type",
            ) from error  # fmt: skip

    def tell(self, handler: HandlerPlan, limit: Limit, error: BaseException, trace: str) -> NoReturn:
        """Raises what the caller may see of an error. `trace` is the cause of the call. For callers in this process the
        handler's own exception is the `__cause__` of a `HandlerFailed`."""
        if is_end(error) and not isinstance(error, asyncio.CancelledError):  # the rest finds out who cancelled
            raise error
        if limit.owns_cancellation() and not isinstance(error, OutcomeUnknown):
            raise DeadlineExceeded(
                f"{handler.contract.type} was not done by its deadline; calls that it made by then keep their effect",
                where=handler.name, expected="an end before the deadline",
                next="try again with the same key, or with a longer deadline",
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
            expected="a reply or a declared refusal", next="see the log of the service that runs it",
        ) from error  # fmt: skip

    def _refuse(self, handler: HandlerPlan, refusal: Refusal, trace: str) -> NoReturn:
        """Raises a declared refusal as the caller receives it. A subclass counts as undeclared: no wire name is
        known."""
        if refusal.__class__ in handler.refusals:
            raise self._written(handler, refusal, trace) from None
        self._say(handler, f"ended with the undeclared refusal {refusal}", refusal, trace)
        raise HandlerFailed(
            f"{handler.contract.type} ended with a refusal it does not declare: {type(refusal).__name__}",
            where=handler.name, expected=", ".join(r.__name__ for r in handler.refusals) or "no refusal",
            next=_to_declare(handler, refusal),
        ) from refusal  # fmt: skip

    def _written(self, handler: HandlerPlan, refusal: Refusal, trace: str) -> Refusal:
        """The refusal as the caller receives it. Raises `HandlerFailed` if it cannot be written."""
        try:
            written = write_reply(refusal, handler.reply)
        except BadValue as error:
            self._say(handler, told(error), error, trace)
            raise HandlerFailed(
                f"{handler.contract.type} was refused, but the refusal cannot be written: {error.what}",
                where=handler.name, expected=error.expected, next=error.next,
            ) from error  # fmt: skip
        if self.parity:
            decoded: Refusal = decode_reply(written, handler.reply, handler.refusals)
            return decoded
        return refusal

    def _say(self, handler: HandlerPlan, what: str, error: BaseException, trace: str) -> None:
        self._listeners.say(HandlerRaised(self._listeners.seconds(), trace, handler.name, what, error))


def _to_declare(handler: HandlerPlan, refusal: Refusal) -> str:
    message = handler.contract.message
    kind = "Query" if issubclass(message, Query) else "Command"
    refusals = " | ".join(each.__name__ for each in (*handler.refusals, type(refusal)))
    return f"declare it: class {message.__name__}({kind}[<reply>, {refusals}])"


def _is_told(error: BaseException) -> bool:
    """Whether the caller sees an error as it is. An error about an identity or a key is about the caller's message,
    unless a call made by the handler raised it. A `TooLarge`, `ReplyTooLarge` or `NotCovered` is always the handler's
    doing."""
    if isinstance(error, _OF_THE_MESSAGE):
        return not error.answered
    return isinstance(error, (CallError, StoreError)) and not isinstance(error, _OF_THE_HANDLER)


def _answer(error: BaseException) -> BaseException:
    """The error that a call ends with. An error about the message is copied before it is marked: the user's code may
    keep the instance and raise it again."""
    if not isinstance(error, _OF_THE_MESSAGE):
        return error
    made = error.__class__.__new__(error.__class__, *error.args)  # without a user's own constructor
    made.__dict__.update(error.__dict__, answered=True)
    made.__cause__ = error.__cause__
    return made.with_traceback(error.__traceback__)


def _made(error: BaseException) -> str:
    """The detail of a handler's failure for the caller: an invalid value, or an error of a call that it made."""
    if isinstance(error, BadValue):
        return f": {error.what}"
    is_about_code = isinstance(error, SqlError) and error.forbidden
    return f": {told(error)}" if is_about_code or isinstance(error, (*_OF_THE_MESSAGE, *_OF_THE_HANDLER)) else ""
