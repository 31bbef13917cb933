"""What a store must do with state that is removed, loaded several at a time, and listed."""

from __future__ import annotations

from remit.stores.port import Change, Store, Unit
from remit.testing.conformance.stores import entry, refused, same

__all__ = ["StatesConformance"]

HOSTILE = ("'; DROP TABLE x", '"quoted"', "a\\b", "Zoë 🎓", "\x01\x1f\x7f", "%_", "[1, 2]", "null", " ", "")


class StatesConformance:
    """The promises about pieces of state, one test each."""

    async def test_removed_state_has_an_empty_body_and_a_version_that_goes_on(self, store: Store, twin: Store) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"1")]))
        await store.commit(Unit([Change("Account", "a1", 1, b"")], [entry("a1", "closed")]))
        same(await twin.load("Account", "a1"), (2, b""), "what was removed has an empty body")
        same(
            await twin.recall("web", "k", "Account", "a1"),
            (None, (2, b"")),
            "also where an outcome is looked up with it",
        )
        for stale in (0, 1):
            change = Change("Account", "a1", stale, b"9")
            await refused(twin.commit(Unit([change])), "state", "a version from before the removal does not fit")
        await twin.commit(Unit([Change("Account", "a1", 2, b"3")]))
        same(await store.load("Account", "a1"), (3, b"3"), "what is added again goes on from the removal's version")
        for stale in (0, 1, 2):
            change = Change("Account", "a1", stale, b"")
            await refused(store.commit(Unit([change])), "state", "nor does one from before it was added again")

    async def test_several_states_are_loaded_together(self, store: Store, twin: Store) -> None:
        ids = [*HOSTILE, *map(str, range(300)), "\U0001f600" * 128]
        await store.commit(Unit([Change("Account", id, 0, id.encode() or b"empty") for id in ids]))
        await store.commit(Unit([Change("Account", "7", 1, b""), Change("Invoice", "other", 0, b"1")]))
        expected = {id: (1, id.encode() or b"empty") for id in ids} | {"7": (2, b"")}
        same(await twin.load_all("Account", [*ids, "other", "nobody"]), expected, "what is there, by identity")
        same(await twin.load_all("Account", []), {}, "nothing where nothing is asked for")

    async def test_states_are_listed_by_pages_in_the_order_of_their_identities(self, store: Store, twin: Store) -> None:
        ids = [*HOSTILE, *map(str, range(30)), "A", "a", "ä", "Z", "z", "\ue000", "\U00010000"]
        await store.commit(Unit([Change("Account", id, 0, id.encode() or b"empty") for id in ids]))
        await store.commit(Unit([Change("Account", "7", 1, b""), Change("Invoice", "i", 0, b"1")]))
        listed: list[str] = []
        after: str | None = None
        while page := await twin.page("Account", after, 7):
            assert len(page) <= 7  # noqa: S101  a suite is made of them
            same([(1, id.encode() or b"empty") for id, *_ in page], [(v, b) for _, v, b in page], "as they are stored")
            listed += [id for id, *_ in page]
            after = listed[-1]
        same(listed, sorted({*ids} - {"7"}), "each once, by code points; what was removed is not among them")
        same(list(await twin.page("Nothing", None, 7)), [], "nothing of a kind that nothing is of")
