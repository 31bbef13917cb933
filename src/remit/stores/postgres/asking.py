"""A connection for the questions of many callers, one after another: one that is cancelled interrupts nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

__all__ = ["Asking"]

T = TypeVar("T")


class Asking:
    """The asking is done by a task of its own: what was begun is finished, whether somebody still waits for it or not.

    A statement that is broken off leaves a connection that nobody can use any more: callers with little time would end
    it again and again, and others would wait for a new one.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[[], Awaitable[Any]], asyncio.Future[Any]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Its answer, when it was its turn. It is not asked if its caller is cancelled before that."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), name="reading")
        return await answer

    async def finished(self) -> None:
        """Returns when nothing is being asked."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        answer: asyncio.Future[Any] | None = None
        try:
            while self._waiting:
                question, answer = self._waiting.popleft()
                if not answer.done():
                    await _answer(question, answer)
        finally:
            self._worker = None
            for left in (answer, *(answer for _, answer in self._waiting)):
                if left is not None:
                    left.cancel()
            self._waiting.clear()


async def _answer(question: Callable[[], Awaitable[Any]], answer: asyncio.Future[Any]) -> None:
    try:
        found = await question()
    except Exception as error:  # noqa: BLE001  whatever it is, who asked is told
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(found)
