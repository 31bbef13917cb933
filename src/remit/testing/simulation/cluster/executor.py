"""The executor of a simulated store: writes run inline on the real SQLite file, with the possible outcomes of
COMMIT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

from remit.errors import OutcomeUnknown, StoreUnavailable
from remit.testing.simulation.cluster.choices import Choices
from remit.testing.simulation.cluster.nodes import Incarnation

__all__ = ["SimExecutor"]

T = TypeVar("T")


class SimExecutor:
    """Runs functions in order. A write is done; done without a reply; not done; or the process crashes before or
    after."""

    def __init__(self, incarnation: Incarnation, choices: Choices) -> None:
        self._incarnation = incarnation
        self._choices = choices
        self._turn = asyncio.Lock()

    async def run(self, function: Callable[[], T]) -> T:
        async with self._turn:
            # Opening and closing the file are plain functions; only writes have faults.
            written = isinstance(cast("object", function), partial)
            return await self._write(function) if written else function()

    async def _write(self, function: Callable[[], T]) -> T:
        choices = self._choices
        await self._incarnation.crash_point("crash before commit", 8)
        await asyncio.sleep(choices.delay("commit begins", 0.02))
        if choices.chance("commit not done", 25):
            raise StoreUnavailable("simulated: the disk refused", where=self._incarnation.name)
        result = function()
        await self._incarnation.crash_point("crash after commit", 12)
        await asyncio.sleep(choices.delay("commit answers", 0.02))
        if choices.chance("commit reply lost", 25):
            raise OutcomeUnknown("simulated: the reply was lost", where=self._incarnation.name)
        return result
