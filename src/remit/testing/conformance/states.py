"""What a store must do with state that is removed, loaded in groups, and listed."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping

from remit.errors import Conflict
from remit.log import Channel, Checkpoint
from remit.stores.port import Change, Forget, Store, Unit
from remit.testing.conformance.stores import entry, refused, same

__all__ = ["StatesConformance"]

HOSTILE = ("'; DROP TABLE x", '"quoted"', "a\\b", "Zoë 🎓", "\x01\x1f\x7f", "%_", "[1, 2]", "null", " ", "")


class StatesConformance:
    """The promises about state, one test each."""

    async def test_removed_state_has_an_empty_body_and_a_version_that_goes_on(self, store: Store, twin: Store) -> None:
        await store.commit(Unit([Change("Account", "a1", 0, b"1")]))
        await store.commit(Unit([Change("Account", "a1", 1, b"")], [entry("a1", "closed")]))
        same(await twin.load("Account", "a1"), (2, b""), "removed state has an empty body")
        same(
            await twin.recall("web", "k", "Account", "a1"),
            (None, (2, b"")),
            "removed state has an empty body in `recall` too",
        )
        for stale in (0, 1):
            change = Change("Account", "a1", stale, b"9")
            await refused(twin.commit(Unit([change])), "state", "a version from before the removal conflicts")
        await twin.commit(Unit([Change("Account", "a1", 2, b"3")]))
        same(await store.load("Account", "a1"), (3, b"3"), "state that is added again continues the removal's version")
        for stale in (0, 1, 2):
            change = Change("Account", "a1", stale, b"")
            await refused(
                store.commit(Unit([change])), "state", "a version from before the state was added again conflicts"
            )

    async def test_forgotten_state_leaves_no_version_behind(self, store: Store, twin: Store) -> None:
        await store.commit(Unit([Change("Email", "a@b", 0, b"1"), Change("Email", "c@d", 0, b"1")]))
        await store.commit(Unit([Change("Email", "a@b", 1, b"2")]))
        for stale in (0, 1, 3):
            unit = Unit([Change("Account", "a1", 0, b"1")], [entry("k", "m")], forgets=[Forget("Email", "a@b", stale)])
            await refused(twin.commit(unit), "state", "only the loaded version can be forgotten")
        same(await store.load("Account", "a1"), None, "a refused unit writes nothing")
        missing = Unit(forgets=[Forget("Email", "nobody", 1)])
        await refused(store.commit(missing), "state", "state that does not exist cannot be forgotten")
        unit = Unit([Change("Account", "a1", 0, b"1")], [entry("k", "m")])
        unit.forgets = [Forget("Email", "c@d", 1), Forget("Email", "a@b", 2)]
        await store.commit(unit)
        same(await twin.load_all("Email", ["a@b", "c@d"]), {}, "forgotten state is gone")
        same(await twin.load("Account", "a1"), (1, b"1"), "the rest of the unit is written")
        await twin.commit(Unit([Change("Email", "a@b", 0, b"3")]))
        same(await store.load("Email", "a@b"), (1, b"3"), "forgotten state begins at version 1 again")

    async def test_of_units_that_forget_and_change_one_state_at_a_time_one_wins(
        self, store: Store, twin: Store
    ) -> None:
        for number in range(20):
            name = f"a{number}"
            await store.commit(Unit([Change("Email", name, 0, b"1")]))
            units = [Unit(forgets=[Forget("Email", name, 1)]), Unit([Change("Email", name, 1, b"2")])]
            both = (of.commit(unit) for of, unit in zip((store, twin), units[:: 1 - number % 2 * 2], strict=True))
            ended = await asyncio.gather(*both, return_exceptions=True)
            same(sorted(map(type, ended), key=str), [type(None), Conflict], "exactly one of the units is written")

    async def test_several_states_are_loaded_together(self, store: Store, twin: Store) -> None:
        ids = [*HOSTILE, *map(str, range(300)), "\U0001f600" * 128]
        await store.commit(Unit([Change("Account", id, 0, id.encode() or b"empty") for id in ids]))
        await store.commit(Unit([Change("Account", "7", 1, b""), Change("Invoice", "other", 0, b"1")]))
        expected = {id: (1, id.encode() or b"empty") for id in ids} | {"7": (2, b"")}
        same(
            await twin.load_all("Account", [*ids, "other", "nobody"]),
            expected,
            "existing states are returned by identity",
        )
        same(await twin.load_all("Account", []), {}, "no identities give no states")

    async def test_states_are_listed_by_pages_in_the_order_of_their_identities(self, store: Store, twin: Store) -> None:
        ids = [*HOSTILE, *map(str, range(30)), "A", "a", "ä", "Z", "z", "\ue000", "\U00010000"]
        await store.commit(Unit([Change("Account", id, 0, id.encode() or b"empty") for id in ids]))
        await store.commit(Unit([Change("Account", "7", 1, b""), Change("Invoice", "i", 0, b"1")]))
        listed: list[str] = []
        after: str | None = None
        while page := await twin.page("Account", after, 7):
            assert len(page) <= 7  # noqa: S101  a suite is made of them
            same(
                [(1, id.encode() or b"empty") for id, *_ in page],
                [(v, b) for _, v, b in page],
                "version and body are as stored",
            )
            listed += [id for id, *_ in page]
            after = listed[-1]
        same(listed, sorted({*ids} - {"7"}), "each identity once, in order of code points, without removed ones")
        same(list(await twin.page("Nothing", None, 7)), [], "an unknown kind has no states")
        same(await twin.count_states("Account"), len(listed), "as many are counted as are listed")
        same(await twin.count_states("Nothing"), 0, "of an unknown kind there are none")

    async def test_a_page_of_states_is_of_the_moment_of_its_heads(self, store: Store, twin: Store) -> None:
        """The body of each account is the number of messages with its key."""
        names = [f"a{number}" for number in range(6)]
        moments: list[tuple[dict[str, int], Mapping[int, Checkpoint]]] = []

        async def write(name: str) -> None:
            for count in range(12):
                change = Change("Account", name, count, str(count + 1).encode())
                await store.commit(Unit([change], [entry(name, f"{name}-{count}", channel=Channel.PRIVATE)]))

        async def look() -> None:
            while len(moments) < 2 or sum(moments[-1][0].values()) < 12 * len(names):
                states, heads = await twin.page_at("Account", None, 100)
                moments.append(({id: int(body) for id, _, body in states}, heads))
                await asyncio.sleep(0)

        await asyncio.gather(look(), *map(write, names))
        for states, heads in moments:
            logs = [await twin.read(Channel.PRIVATE, part, 0, head.pos) for part, head in heads.items()]
            said = Counter(record.key for log in logs for record in log)
            same(states, dict(said), "a state says what the messages up to the heads say")
            same([log[-1].id for log in logs], [head.id for head in heads.values()], "a head is the last message")
        same((await twin.page_at("Account", "a4", 100))[0], [("a5", 12, b"12")], "the page begins after an identity")
        same(len((await twin.page_at("Account", None, 2))[0]), 2, "the page has at most so many")
        part = next(iter(moments[-1][1]))
        last = moments[-1][1][part]
        await store.trim(Channel.PRIVATE, part, upto=last.pos, before=math.inf, limit=1000)
        same((await twin.page_at("Account", None, 1))[1][part].id, last.id, "a log without messages has its last one")
