"""The answers that a test gives to calls, checked against the published language of the called context."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeAlias

from typing_extensions import TypeVar

from remit.errors import BadValue
from remit.messages import Codec, Refusal, reply_of, write_reply
from remit.messages.base import _Signature  # pyright: ignore[reportPrivateUsage]  # the checking-only half of the message bases
from remit.testing.differences import shown
from remit.testing.mistakes import KitError

Owner = TypeVar("Owner")
M = TypeVar("M")
R = TypeVar("R")
M_co = TypeVar("M_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class CommandType(Protocol[M_co, R_co]):
    """A class of commands."""

    def _command(self) -> _Signature[M_co, R_co, Any]: ...


class QueryType(Protocol[M_co, R_co]):
    """A class of queries."""

    def _query(self) -> _Signature[M_co, R_co, Any]: ...


Answer: TypeAlias = R | Refusal | Callable[[M], R | Refusal | Awaitable[R | Refusal]]
"""A reply; a declared refusal; or a function of the message, async or not, that returns one of them or raises the
refusal."""


class On(Generic[Owner, M, R]):
    """A class of commands or queries that a test is about to answer."""

    def __init__(self, owner: Owner, answers: Answers, message: Any) -> None:
        self._owner = owner
        self._answers = answers
        self._message = message

    def answers(self, answer: Answer[R, M], /) -> Owner:
        """Sets the answer from now on: a reply, a declared refusal, or a function of the message that returns a reply
        or a refusal, or raises a refusal. Returns the object on which `on` was called, for further calls.

        Raises `KitError` for an answer that the message does not declare.
        """
        self._answers.add(self._message, answer)
        return self._owner


class Answers:
    """The answers of a test, by message. `where` names their owner in errors."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._answers: dict[type, Any] = {}
        self._replies: dict[type, Codec[Any]] = {}

    def __contains__(self, message: type) -> bool:
        return message in self._answers

    @property
    def messages(self) -> Mapping[type, Any]:
        """The answers, by the class of the message."""
        return self._answers

    def add(self, message: Any, answer: Any) -> None:
        """Sets the answer to a class of messages. Raises `KitError` for an answer that the message does not declare."""
        self._answers[message] = answer
        self._replies[message] = Codec(reply_of(message)[0])
        if not callable(answer):
            self._require(message, answer)

    async def reply_to(self, message: Any) -> Any:
        """The reply, or the refusal as a value. Raises `KitError` for an answer that the message does not declare, and
        what the test's function raises."""
        kind: type = message.__class__
        answer = self._answers[kind]
        if callable(answer):
            try:
                answer = answer(message)
                if inspect.isawaitable(answer):
                    answer = await answer
            except Refusal as refusal:
                answer = refusal
        self._require(kind, answer)
        return answer

    def _require(self, message: Any, answer: Any) -> None:
        reply, refusals = reply_of(message)
        declared = ", ".join(each.__name__ for each in refusals) or "no refusal"
        if isinstance(answer, Refusal) and type(answer) not in refusals:
            raise KitError(
                f"{message.__name__} is answered with {shown(answer)}, which it does not declare", where=self._where,
                expected=declared, next="answer as the real context may",
            )  # fmt: skip
        try:
            write_reply(answer, self._replies[message])
        except BadValue as error:
            raise KitError(
                f"{message.__name__} is answered with {shown(answer)}: {error.what}", where=self._where,
                expected=f"{getattr(reply, '__name__', reply)}, or a refusal: {declared}",
                next="answer as the real context may",
            ) from None  # fmt: skip
