"""What a store must do with the notes of processes."""

from __future__ import annotations

import asyncio

from remit.log import Checkpoint
from remit.stores.port import Agreed, KeyClaim, Store, StoredOutcome, Unit
from remit.testing.conformance.stores import SOURCE, advance, refused, same

__all__ = ["NotesConformance"]


class NotesConformance:
    """The promises about notes, one test each."""

    async def test_the_time_is_moved_from_where_it_is(self, store: Store, twin: Store) -> None:
        same(await store.agreed_time(), None, "a new store has no agreed time")
        await store.agree(None, 1.5)
        same(await twin.agreed_time(), Agreed(1.5, 1), "all processes see the agreed time")
        await refused(twin.agree(None, 2.5), "checkpoint", "a process that knew no agreed time cannot move it")
        await twin.agree(Agreed(1.5, 1), 0.5)
        same(await store.agreed_time(), Agreed(0.5, 2), "the agreed time can go back")
        await refused(store.agree(Agreed(1.5, 1), 9.5), "checkpoint", "a process that knew another time cannot move it")
        same(await store.agreed_time(), Agreed(0.5, 2), "after a refusal the agreed time stays")

    async def test_the_keys_of_events_are_noted_once(self, store: Store, twin: Store) -> None:
        same(dict(await store.event_keys()), {}, "a new store knows no events")
        await store.note_event_keys({"billing.Settled version 1": "invoice", "billing.Opened version 1": None})
        await twin.note_event_keys({"billing.Settled version 1": "student", "billing.Closed version 1": "invoice"})
        expected = {
            "billing.Settled version 1": "invoice",
            "billing.Opened version 1": None,
            "billing.Closed version 1": "invoice",
        }
        same(dict(await store.event_keys()), expected, "known keys stay, new ones are added")

    async def test_what_a_projection_has_missed_is_known_until_it_is_accepted(self, store: Store, twin: Store) -> None:
        other = SOURCE._replace(name="billing-ledger")
        same(dict(await store.missed(SOURCE)), {}, "a new projection has missed nothing")
        await store.note_missed(SOURCE, {0: Checkpoint(3, "m3", 1.0), 7: Checkpoint(5, "m5", 1.0)})
        await twin.note_missed(SOURCE, {0: Checkpoint(9, "m9", 2.0)})
        await store.note_missed(other, {0: Checkpoint(1, "m1", 1.0)})
        same(dict(await twin.missed(SOURCE)), {0: 3, 7: 5}, "earlier notes stay")
        same(dict(await twin.accept_missed(SOURCE, 3.0)), {0: 3, 7: 5}, "accepting returns what was missed")
        same(dict(await store.missed(SOURCE)), {}, "after accepting, nothing is missed")
        same(dict(await store.missed(other)), {0: 1}, "other projections keep their notes")
        same(dict(await store.accept_missed(SOURCE, 4.0)), {}, "accepting again returns nothing")
        await store.note_missed(SOURCE, {1: Checkpoint(4, "m4", 5.0)})
        same(dict(await twin.missed(SOURCE)), {1: 4}, "messages missed later are noted again")

    async def test_notes_are_in_nobodys_way(self, store: Store) -> None:
        await store.agree(None, 1.0)
        await store.note_event_keys({"billing.Settled version 1": None})
        await store.note_missed(SOURCE, {0: Checkpoint(3, "m3", 1.0)})
        await store.first_begun("web", "k1", 1.0)
        same(dict(await store.checkpoints(SOURCE)), {}, "missed messages are not reported as checkpoints")
        await store.commit(Unit(advance=advance(0, 1), claim=KeyClaim("web", "k1", b"f", b"{}", 2.0)))
        same(dict(await store.missed(SOURCE)), {0: 3}, "a checkpoint does not change what is missed")

    async def test_a_command_is_first_begun_once(self, store: Store, twin: Store) -> None:
        same(await store.first_begun("web", "k1", 1.5), (None, 1.5), "a new command begins now")
        same(
            await twin.first_begun("web", "k1", 7.0),
            (None, 1.5),
            "a command that was begun in another process keeps its time",
        )
        begun = await asyncio.gather(
            *(each.first_begun("web", "k2", float(n)) for n, each in enumerate([store, twin] * 9))
        )
        same(len(set(begun)), 1, "concurrent beginnings of a command agree on one time")
        others = await asyncio.gather(*(store.first_begun("web", f"o'{n} \u4e2d", n / 7) for n in range(20)))
        same(others, [(None, n / 7) for n in range(20)], "each command has its own time")
        same(await store.outcome("web", "k1"), None, "a command that was only begun has no outcome")
        await store.commit(Unit(claim=KeyClaim("web", "k1", b"f", b'"a"', 3.0)))
        outcome, _ = await twin.first_begun("web", "k1", 9.0)
        same(outcome, StoredOutcome(b"f", b'"a"', 3.0), "the outcome is returned with the time")

    async def test_a_beginning_is_forgotten_with_its_outcome(self, store: Store) -> None:
        await store.first_begun("web", "k1", 1.5)
        await store.prune(beats=0.0, outcomes=1.5, tombstones=0.0, limit=1000)
        same(await store.first_begun("web", "k1", 7.0), (None, 1.5), "a recent beginning stays")
        await store.prune(beats=0.0, outcomes=2.0, tombstones=0.0, limit=1000)
        same(await store.first_begun("web", "k1", 7.0), (None, 7.0), "an old beginning is deleted")
