"""A simulated store that is in another process: whoever asks it waits, before it has heard and before it is heard."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any

from remit.stores.sqlite.store import SqliteStore

__all__ = ["FarStore"]


def _far(name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
    async def asked(self: SqliteStore, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        answer = await getattr(SqliteStore, name)(self, *arguments, **named)
        await asyncio.sleep(0)
        return answer

    return functools.wraps(getattr(SqliteStore, name))(asked)


class FarStore(SqliteStore):
    """The store of a simulated process, with a round trip for each of its methods."""


for _name in dir(SqliteStore):
    if iscoroutinefunction(getattr(SqliteStore, _name)) and not _name.startswith("_"):
        setattr(FarStore, _name, _far(_name))
