"""By which interceptors a run has come, and to which call from outside it belongs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

from remit.contexts import Invocation

__all__ = ["HEADER", "next_moment", "passed", "passing"]

HEADER = "x-wish"
"""The header that says which call from outside everything comes of."""


class Passed(NamedTuple):
    """What stands around a handler, from the outside."""

    message: Any = None
    handler: str = ""
    interceptors: tuple[Any, ...] = ()
    headers: Mapping[str, str] = MappingProxyType({})


_NOTHING = Passed()
_passed: ContextVar[Passed] = ContextVar("passed", default=_NOTHING)


@contextmanager
def passing(interceptor: Callable[..., Any], invocation: Invocation) -> Generator[None]:
    """Notes that a handler is run within an interceptor."""
    before = _passed.get()
    same = before.message is invocation.message and before.handler == invocation.handler
    outer = before.interceptors if same else ()
    _passed.set(Passed(invocation.message, invocation.handler, (*outer, interceptor), invocation.headers))
    try:
        yield
    finally:
        _passed.set(before)  # not by a token: a process that is gone leaves its tasks in another context


def passed() -> Passed:
    """What stands around the handler that runs now."""
    return _passed.get()


async def next_moment(seconds: float) -> None:
    """Waits until the next multiple of `seconds`."""
    loop = asyncio.get_running_loop()
    moment: asyncio.Future[None] = loop.create_future()
    loop.call_at((loop.time() // seconds + 1.0) * seconds, _come, moment)
    await moment


def _come(moment: asyncio.Future[None]) -> None:
    if not moment.done():
        moment.set_result(None)
