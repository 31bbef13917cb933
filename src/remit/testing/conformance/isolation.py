"""What a store must do whose technology says `roles`: separate the stores of contexts by their credentials.

class TestMyStore(IsolationConformance):
    @pytest.fixture
    async def store(self): ...      # new, empty and open, with the credentials of its own context

    @pytest.fixture
    async def intruder(self): ...   # the same store, not open, with the credentials of another context
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from remit.errors import StoreError
from remit.log import Channel
from remit.stores.port import Change, Unit
from remit.stores.port import Store as ContextStore
from remit.testing.conformance.stores import SOURCE, entry, park, same, whole_log

__all__ = ["IsolationConformance"]


class IsolationConformance:
    """The promises of a store with credentials per context, one test each."""

    async def test_it_says_that_credentials_keep_contexts_apart(self, store: ContextStore) -> None:
        same(store.technology.roles, True, "the technology says `roles`")

    async def test_another_context_can_neither_open_nor_look_into_it(
        self, store: ContextStore, intruder: ContextStore
    ) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"{}")], [entry("k", "m1")]))
        for read_only in (False, True):
            try:
                await intruder.open(read_only=read_only)
            except StoreError:
                continue
            await _nothing_works(intruder)
        same(await store.load("Account", "a1"), (1, b"{}"), "its state is unchanged")
        same(len(await whole_log(store)), 1, "its log is unchanged")

    async def test_its_own_context_can_do_everything(self, store: ContextStore) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"{}")], [entry("k", "m1")], parks=[park(1, error="x")]))
        await store.beat("p1", 1.0, "{}")
        await store.lease("p1", ["a"], now=1.0, until=9.0)
        await store.keep("", "c", 9.0)
        same(await store.retry(SOURCE.name, None, 2.0), 1, "parked keys can be made due")
        same(await store.prune(beats=9.0, outcomes=9.0, tombstones=9.0, limit=10), 1, "old rows can be deleted")


async def _nothing_works(intruder: ContextStore) -> None:
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "load": lambda: intruder.load("Account", "a1"),
        "outcome": lambda: intruder.outcome("", "c"),
        "recall": lambda: intruder.recall("", "c", "Account", "a1"),
        "read": lambda: intruder.read(Channel.PRIVATE, 0, 0, 10),
        "heads": lambda: intruder.heads(Channel.PUBLISHED),
        "checkpoints": lambda: intruder.checkpoints(SOURCE),
        "parked": intruder.parked,
        "letters": lambda: intruder.letters(SOURCE, "k", 1),
        "beats": intruder.beats,
        "leases": intruder.leases,
        "commit": lambda: intruder.commit(Unit([Change("Account", "a2", 0, b"{}")])),
        "beat": lambda: intruder.beat("p2", 1.0, "{}"),
        "lease": lambda: intruder.lease("p2", ["b"], now=1.0, until=9.0),
        "prune": lambda: intruder.prune(beats=9.0, outcomes=9.0, tombstones=9.0, limit=10),
    }
    for name, attempt in attempts.items():
        try:
            await attempt()
        except StoreError:
            continue
        raise AssertionError(f"with the credentials of another context nothing works, but {name} did")
    await intruder.close()
