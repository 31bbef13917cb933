"""Writes parked keys, letters, forgotten state and rows: the rare parts of a unit, statement by statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

from remit.errors import Conflict
from remit.stores.port import Discard, Park, Settle, Unit
from remit.stores.postgres import rows
from remit.stores.postgres.columns import Written, is_plain, write_rows
from remit.stores.postgres.session import Link
from remit.stores.size import LARGEST_UNIT
from remit.stores.tables import Key, key_row, letter_place, letter_row

_PARK = """
    INSERT INTO remit_parked (subscription, source, channel, part, key, since, tried_at, attempts, retry_at, error)
    VALUES ($1, $2, $3, $4, $5, $6, $6, 1, $7, $8) ON CONFLICT DO NOTHING
"""
# Locked until the end, in the same order by all processes, so that no key is freed while a letter is added to it.
_KEEP = """
    SELECT count(*) FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::text[])
         AS w (subscription, source, channel, part, key)
    CROSS JOIN LATERAL (
        SELECT FROM remit_parked p WHERE p.subscription = w.subscription AND p.source = w.source
        AND p.channel = w.channel AND p.part = w.part AND p.key = w.key FOR KEY SHARE
    ) p
"""
# A subscription that starts anew may park a message that was discarded before: then the message waits again.
_ADD = """
    INSERT INTO remit_letter
    (subscription, source, channel, key, part, pos, id, prev, type, version, sent, headers, payload, at)
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::int[], $6::bigint[], $7::text[], $8::text[],
        $9::text[], $10::int[], $11::float8[], $12::text[], $13::text[], $14::float8[])
    ON CONFLICT (subscription, source, channel, key, part, pos) DO UPDATE SET id = excluded.id, prev = excluded.prev,
    type = excluded.type, version = excluded.version, sent = excluded.sent, headers = excluded.headers,
    payload = excluded.payload, at = excluded.at, discarded_at = NULL, reason = NULL, sha256 = NULL
"""
# Locked until the end, so that no letter is added to a key that is being freed.
_HOLD = "SELECT FROM remit_parked WHERE (subscription, source, channel, part, key) = ($1, $2, $3, $4, $5) FOR UPDATE"
_LOWEST = """
    SELECT pos FROM remit_letter WHERE (subscription, source, channel, part, key) = ($1, $2, $3, $4, $5)
    AND discarded_at IS NULL ORDER BY pos LIMIT 1
"""
_PAYLOAD = """
    SELECT payload FROM remit_letter WHERE (subscription, source, channel, key, part, pos) = ($1, $2, $3, $4, $5, $6)
    AND discarded_at IS NULL
"""
_DELETE = """
    DELETE FROM remit_letter WHERE (subscription, source, channel, key, part, pos) = ($1, $2, $3, $4, $5, $6)
"""
_ENTOMB = """
    UPDATE remit_letter SET payload = '', discarded_at = $7, reason = $8, sha256 = $9
    WHERE (subscription, source, channel, key, part, pos) = ($1, $2, $3, $4, $5, $6)
"""
_FAILED_AGAIN = """
    UPDATE remit_parked SET attempts = attempts + 1, tried_at = $6, retry_at = $7, error = $8
    WHERE (subscription, source, channel, part, key) = ($1, $2, $3, $4, $5)
"""
_DUE_NOW = """
    UPDATE remit_parked SET retry_at = 0, attempts = 1
    WHERE (subscription, source, channel, part, key) = ($1, $2, $3, $4, $5)
"""
_FORGET = "DELETE FROM remit_state WHERE kind = $1 AND id = $2 AND version = $3 RETURNING 1"
_UNPARK = "DELETE FROM remit_parked WHERE (subscription, source, channel, part, key) = ($1, $2, $3, $4, $5)"


class _Letters:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def run(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        rows = await self._link.fetch(sql, *values)
        return [tuple(row) for row in rows]

    async def park(self, parks: Sequence[Park]) -> None:
        """Parks the keys of failed messages, and adds letters to parked keys, which stay parked until the commit.

        Freeing a key first locks it and then looks for letters. So it finds these letters, or this finds no key.
        """
        for park in parks:
            if park.error:
                await self.run(_PARK, *key_row(park, park.record.part), park.at, park.retry_at, park.error)
        keys = sorted({key_row(park, park.record.part) for park in parks})
        if await self.run(_KEEP, *map(list, zip(*keys, strict=True))) != [(len(keys),)]:
            raise Conflict("parked", where=f"{parks[0].subscription.name} partition {parks[0].record.part}")
        for some in _by_bytes(parks):
            await self.run(_ADD, *map(list, zip(*map(letter_row, some), strict=True)))

    async def settle(self, settle: Settle) -> None:
        key = key_row(settle, settle.part)
        await self.run(_HOLD, *key)
        if await self.run(_LOWEST, *key) != [(settle.pos,)]:
            raise Conflict("letter", where=f"{settle.subscription.name} key {settle.key}")
        if settle.error:
            await self.run(_FAILED_AGAIN, *key, settle.at, settle.retry_at, settle.error)
        else:
            await self.run(_DELETE, *letter_place(settle))
            await self._free(key)

    async def discard(self, discard: Discard) -> None:
        letter, key = letter_place(discard), key_row(discard, discard.part)
        await self.run(_HOLD, *key)
        found = await self.run(_PAYLOAD, *letter)
        if not found:
            raise Conflict("letter", where=f"{discard.subscription.name} key {discard.key}")
        hashed = sha256(str(found[0][0]).encode()).hexdigest()
        await self.run(_ENTOMB, *letter, discard.at, discard.reason, hashed)
        await self._free(key)

    async def _free(self, key: Key) -> None:
        """Frees the key if it has no letters left; otherwise makes it due at once."""
        await self.run(_DUE_NOW if await self.run(_LOWEST, *key) else _UNPARK, *key)


def _by_bytes(parks: Sequence[Park]) -> Iterator[list[Park]]:
    """Splits letters into statements of at most 16 MiB: many large messages would exceed the server's limit."""
    some: list[Park] = []
    size = 0
    for park in parks:
        if some and size + len(park.record.payload) > LARGEST_UNIT:
            yield some
            some, size = [], 0
        some.append(park)
        size += len(park.record.payload)
    yield some


async def write_unit(link: Link, unit: Unit, partitions: int) -> Written:
    """Writes all of a unit within a transaction. Raises `Conflict`, and the driver's errors."""
    if not is_plain(unit):
        await _write_rows(link, Unit(advance=unit.advance, further=unit.further), partitions)
        letters = _Letters(link)
        if unit.settle is not None:
            await letters.settle(unit.settle)
        if unit.discard is not None:
            await letters.discard(unit.discard)
        if unit.parks:
            await letters.park(unit.parks)
        if unit.rows:
            await rows.write(link, unit.rows)
        for forget in sorted(unit.forgets):
            if not await link.fetch(_FORGET, *forget):
                raise Conflict("state", where=f"{forget.kind} {forget.id}")
        unit = Unit(unit.changes, unit.entries, unit.claim)
    return await _write_rows(link, unit, partitions)


async def _write_rows(link: Link, unit: Unit, partitions: int) -> Written:
    written = await write_rows(link, [unit], partitions)
    if written.lost:
        raise written.lost[0]
    return written
