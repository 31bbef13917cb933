"""What a store must do with what processes note for one another."""

from __future__ import annotations

import asyncio

from remit.log import Checkpoint
from remit.stores.port import Agreed, KeyClaim, Store, StoredOutcome, Unit
from remit.testing.conformance.stores import SOURCE, advance, refused, same

__all__ = ["NotesConformance"]


class NotesConformance:
    """The promises about notes, one test each."""

    async def test_the_time_is_moved_from_where_it_is(self, store: Store, twin: Store) -> None:
        same(await store.agreed_time(), None, "in a new store nobody has said how late it is")
        await store.agree(None, 1.5)
        same(await twin.agreed_time(), Agreed(1.5, 1), "what was agreed is so for everybody")
        await refused(twin.agree(None, 2.5), "checkpoint", "who knew of none moves nothing")
        await twin.agree(Agreed(1.5, 1), 0.5)
        same(await store.agreed_time(), Agreed(0.5, 2), "it can be put back")
        await refused(store.agree(Agreed(1.5, 1), 9.5), "checkpoint", "who knew another time moves nothing")
        same(await store.agreed_time(), Agreed(0.5, 2), "and it stays")

    async def test_the_keys_of_events_are_noted_once(self, store: Store, twin: Store) -> None:
        same(dict(await store.event_keys()), {}, "a new store has met no events")
        await store.note_event_keys({"billing.Settled version 1": "invoice", "billing.Opened version 1": None})
        await twin.note_event_keys({"billing.Settled version 1": "student", "billing.Closed version 1": "invoice"})
        expected = {
            "billing.Settled version 1": "invoice",
            "billing.Opened version 1": None,
            "billing.Closed version 1": "invoice",
        }
        same(dict(await store.event_keys()), expected, "what is known stays, what is new is noted")

    async def test_what_a_projection_has_missed_is_known_until_it_is_accepted(self, store: Store, twin: Store) -> None:
        other = SOURCE._replace(name="billing-ledger")
        same(dict(await store.missed(SOURCE)), {}, "a new projection has missed nothing")
        await store.note_missed(SOURCE, {0: Checkpoint(3, "m3", 1.0), 7: Checkpoint(5, "m5", 1.0)})
        await twin.note_missed(SOURCE, {0: Checkpoint(9, "m9", 2.0)})
        await store.note_missed(other, {0: Checkpoint(1, "m1", 1.0)})
        same(dict(await twin.missed(SOURCE)), {0: 3, 7: 5}, "what is noted stays")
        same(dict(await twin.accept_missed(SOURCE, 3.0)), {0: 3, 7: 5}, "who accepts it is told what it was")
        same(dict(await store.missed(SOURCE)), {}, "then nothing is missed")
        same(dict(await store.missed(other)), {0: 1}, "but by others")
        same(dict(await store.accept_missed(SOURCE, 4.0)), {}, "once")
        await store.note_missed(SOURCE, {1: Checkpoint(4, "m4", 5.0)})
        same(dict(await twin.missed(SOURCE)), {1: 4}, "what is missed later is noted again")

    async def test_notes_are_in_nobodys_way(self, store: Store) -> None:
        await store.agree(None, 1.0)
        await store.note_event_keys({"billing.Settled version 1": None})
        await store.note_missed(SOURCE, {0: Checkpoint(3, "m3", 1.0)})
        await store.first_begun("web", "k1", 1.0)
        same(dict(await store.checkpoints(SOURCE)), {}, "what is missed is no checkpoint of the projection")
        await store.commit(Unit(advance=advance(0, 1), claim=KeyClaim("web", "k1", b"f", b"{}", 2.0)))
        same(dict(await store.missed(SOURCE)), {0: 3}, "nor does a checkpoint change what is missed")

    async def test_a_command_is_first_begun_once(self, store: Store, twin: Store) -> None:
        same(await store.first_begun("web", "k1", 1.5), (None, 1.5), "it begins now")
        same(await twin.first_begun("web", "k1", 7.0), (None, 1.5), "it began before, wherever")
        begun = await asyncio.gather(
            *(each.first_begun("web", "k2", float(n)) for n, each in enumerate([store, twin] * 9))
        )
        same(len(set(begun)), 1, "all that begin at once have one beginning")
        others = await asyncio.gather(*(store.first_begun("web", f"o'{n} \u4e2d", n / 7) for n in range(20)))
        same(others, [(None, n / 7) for n in range(20)], "each has its own")
        same(await store.outcome("web", "k1"), None, "a beginning is no outcome")
        await store.commit(Unit(claim=KeyClaim("web", "k1", b"f", b'"a"', 3.0)))
        outcome, _ = await twin.first_begun("web", "k1", 9.0)
        same(outcome, StoredOutcome(b"f", b'"a"', 3.0), "the outcome comes with it")

    async def test_a_beginning_is_forgotten_with_its_outcome(self, store: Store) -> None:
        await store.first_begun("web", "k1", 1.5)
        await store.prune(beats=0.0, outcomes=1.5, tombstones=0.0, limit=1000)
        same(await store.first_begun("web", "k1", 7.0), (None, 1.5), "what is young stays")
        await store.prune(beats=0.0, outcomes=2.0, tombstones=0.0, limit=1000)
        same(await store.first_begun("web", "k1", 7.0), (None, 7.0), "what is old is forgotten")
