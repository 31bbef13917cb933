"""Wraps interceptors around a handler, once, when plans are compiled. Without interceptors this costs nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from remit.contexts import Interceptor, Invocation
from remit.errors import RemitError
from remit.messages import Message

_Next = Callable[[], Awaitable[Any]]


class _Invocation(Invocation):
    """One run of a handler, as an interceptor sees it."""

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
                expected="one call in each run, which the interceptor awaits", next="keep what the first call returned",
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
        """Runs an interceptor and returns its result.

        Raises what it raises. Raises the handler's exception even if the interceptor has caught it: the handler's work
        is incomplete. Raises `RemitError` if the interceptor returns before the handler has ended.
        """
        try:
            reply = await interceptor(self)
            if self._failed is not None:
                raise self._failed
        finally:
            self._next = None  # a later call of proceed is refused
            self._failed = None  # breaks the reference cycle with its own traceback
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
    """Wraps the interceptors around the handler, the first one outermost. `of` is its context, name and role."""
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
