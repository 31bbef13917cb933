"""A simulated store in another process: each call yields to the loop before and after its work."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any

from remit.testing.simulation.cluster.statements import StatementsStore

__all__ = ["FarStore"]


def _far(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def asked(self: StatementsStore, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        answer = await getattr(StatementsStore, name)(self, *arguments, **named)
        await asyncio.sleep(0)
        return answer

    return functools.wraps(getattr(StatementsStore, name))(asked)


class FarStore(StatementsStore):
    """The store of a simulated process, with a round trip for each of its methods."""


for _name in dir(StatementsStore):
    if iscoroutinefunction(getattr(StatementsStore, _name)) and not _name.startswith("_"):
        setattr(FarStore, _name, _far(_name))
