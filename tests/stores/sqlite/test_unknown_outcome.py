"""A commit whose outcome is not known may have appended to the log: whoever follows it is woken to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from remit.errors import OutcomeUnknown
from remit.log import Channel
from remit.stores import Entry, Unit
from remit.stores.sqlite.store import SqliteStore

T = TypeVar("T")


class LosingExecutor:
    """Runs inline, and may lose the reply."""

    losing = False

    async def run(self, function: Callable[[], T]) -> T:
        result = function()
        if self.losing:
            raise OutcomeUnknown("the reply was lost")
        return result


async def test_a_subscription_is_woken_by_a_commit_whose_reply_is_lost(tmp_path: Path) -> None:
    executor, woken = LosingExecutor(), list[str]()
    store = SqliteStore(tmp_path / "a.db", "a", executor=executor)
    await store.open()
    store.watch(lambda: woken.append("woken"))
    executor.losing = True
    with pytest.raises(OutcomeUnknown):
        await store.commit(Unit(entries=[Entry(Channel.PRIVATE, "key", "id-1", "a.Happened", 1, 0.0, "{}", b"{}")]))
    executor.losing = False
    assert woken == ["woken"]
    assert await store.heads(Channel.PRIVATE) != {}
    await store.close()
