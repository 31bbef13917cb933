"""Interceptors around a handler: composed once, when plans are compiled. Without interceptors nothing of it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from remit.contexts import Interceptor, Invocation
from remit.errors import RemitError
from remit.messages import Message

_Next = Callable[[], Awaitable[Any]]


class _Invocation(Invocation):
    """One run of a handler, as one of its interceptors sees it."""

    __slots__ = ("_context", "_ended", "_failed", "_handler", "_headers", "_message", "_next", "_role")

    def __init__(
        self, of: tuple[str, str, str], message: Message, headers: Mapping[str, str], following: _Next
    ) -> None:
        self._context, self._handler, self._role = of
        self._message = message
        self._headers = headers
        self._next: _Next | None = following
        self._ended = True
        self._failed: BaseException | None = None

    @property
    def message(self) -> Message:
        return self._message

    @property
    def context(self) -> str:
        return self._context

    @property
    def handler(self) -> str:
        return self._handler

    @property
    def role(self) -> str:
        return self._role

    @property
    def headers(self) -> Mapping[str, str]:
        return self._headers

    async def proceed(self) -> Any:
        following, self._next = self._next, None
        if following is None:
            raise RemitError(
                f"proceed was called a second time, or too late, for {self._handler}", where=self._context,
                expected="one call in each run, which the interceptor awaits", next="keep what the first call gave",
            )  # fmt: skip
        self._ended = False
        try:
            reply = await following()
        except BaseException as error:
            self._failed = error
            raise
        finally:
            self._ended = True
        return reply

    async def run(self, interceptor: Interceptor) -> Any:
        """Has an interceptor run. Raises what it raises; what the handler has raised, also where the interceptor has
        caught it: what the handler had done by then is half of what it wanted; `RemitError` where the handler runs
        still."""
        try:
            reply = await interceptor(self)
            if self._failed is not None:
                raise self._failed
        finally:
            self._next = None  # what is called later comes too late
            self._failed = None  # else it would be a cycle with its own traceback
        if not self._ended:
            raise RemitError(
                f"an interceptor returned before {self._handler} had ended", where=self._context,
                expected="an interceptor that awaits proceed()", next="return await invocation.proceed()",
            )  # fmt: skip
        return reply


def intercepted(
    function: Callable[..., Awaitable[Any]],
    interceptors: Sequence[Interceptor],
    of: tuple[str, str, str],
    headers: Callable[[], Mapping[str, str]],
) -> Callable[..., Awaitable[Any]]:
    """The handler with the interceptors around it, the first one outermost. `of` are its context, name and role."""
    if not interceptors:
        return function
    inwards = tuple(reversed(interceptors))

    def handle(message: Message, *given: Any) -> Awaitable[Any]:
        following: _Next = partial(function, message, *given)
        carried = headers()
        for interceptor in inwards:
            following = partial(_Invocation(of, message, carried, following).run, interceptor)
        return following()

    return handle
