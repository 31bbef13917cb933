"""The layers that guard the promises, each as what takes it away from this process.

Those that the simulation takes away too are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from remit.log import Heads, MessageRecord
from remit.runtime.remote.feeds import RemoteFeed
from remit.stores import Unit
from remit.stores.sqlite.store import SqliteStore
from remit.transports import Push
from remit.transports.nats.events import EXPECTED, NatsEvents
from tests.simulation.planted import (
    forget_that_keys_are_used,
    handle_whatever_is_pushed,
    move_checkpoints_blindly,
    park_only_the_message,
    partition_by_message,
    skip_gaps,
)

__all__ = [
    "commit_checkpoints_first",
    "forget_that_keys_are_used",
    "handle_whatever_is_pushed",
    "move_checkpoints_blindly",
    "never_pull",
    "park_only_the_message",
    "partition_by_message",
    "publish_without_a_fence",
    "skip_gaps",
]


def never_pull(patch: pytest.MonkeyPatch) -> None:
    """What other processes have in their logs is never read: there is what the broker brings, and nothing else."""

    async def read(self: RemoteFeed, part: int, after: int, limit: int) -> Sequence[MessageRecord]:
        return ()

    async def heads(self: RemoteFeed) -> Heads:
        return {}

    def watch(self: RemoteFeed, bell: Callable[[Push | None], None]) -> Callable[[], None]:
        return lambda: None

    patch.setattr(RemoteFeed, "read", read)
    patch.setattr(RemoteFeed, "heads", heads)
    patch.setattr(RemoteFeed, "watch", watch)


def commit_checkpoints_first(patch: pytest.MonkeyPatch) -> None:
    """The checkpoint moves in a transaction of its own, before the effects are written."""
    commit = SqliteStore.commit

    async def apart(self: SqliteStore, unit: Unit) -> None:
        if unit.advance is not None:
            await commit(self, Unit(advance=unit.advance))
        await commit(self, replace(unit, advance=None))

    patch.setattr(SqliteStore, "commit", apart)


def publish_without_a_fence(patch: pytest.MonkeyPatch) -> None:
    """The broker is not told how the subject has to end, and the relay does not look how it does."""
    write, look = NatsEvents._write, NatsEvents._look

    def unfenced(self: NatsEvents, *message: Any) -> tuple[dict[str, str], bytes]:
        headers, payload = write(self, *message)
        headers.pop(EXPECTED, None)
        return headers, payload

    async def blind(self: NatsEvents, *place: Any) -> tuple[int, Any]:
        return 0, (await look(self, *place))[1]

    patch.setattr(NatsEvents, "_write", unfenced)
    patch.setattr(NatsEvents, "_look", blind)
