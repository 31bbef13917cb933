"""Parked keys and their letters: the part of a unit that is written statement by statement, because it is rare."""

from __future__ import annotations

from hashlib import sha256

from remit.errors import Conflict
from remit.stores.port import Discard, Park, Settle, Unit
from remit.stores.postgres.session import Link

__all__ = ["write_letters"]

_PARK = """
    INSERT INTO remit_parked (subscription, source, channel, part, key, since, attempts, retry_at, error)
    VALUES ($1, $2, $3, $4, $5, $6, 1, $7, $8) ON CONFLICT DO NOTHING
"""
# A subscription that starts anew may park what was discarded before: then the message waits again.
_ADD = """
    INSERT INTO remit_letter
    (subscription, source, channel, key, part, pos, id, prev, type, version, sent, headers, payload, at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (subscription, source, channel, key, part, pos) DO UPDATE SET id = excluded.id, prev = excluded.prev,
    type = excluded.type, version = excluded.version, sent = excluded.sent, headers = excluded.headers,
    payload = excluded.payload, at = excluded.at, discarded_at = NULL, reason = NULL, sha256 = NULL
"""
# Held until the end, so that no letter is added to a key that is being freed.
_HOLD = "SELECT FROM remit_parked WHERE (subscription, source, channel, key) = ($1, $2, $3, $4) FOR UPDATE"
_LOWEST = """
    SELECT part, pos FROM remit_letter WHERE (subscription, source, channel, key) = ($1, $2, $3, $4)
    AND discarded_at IS NULL ORDER BY part, pos LIMIT 1
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
    UPDATE remit_parked SET attempts = attempts + 1, retry_at = $5, error = $6
    WHERE (subscription, source, channel, key) = ($1, $2, $3, $4)
"""
_DUE_NOW = "UPDATE remit_parked SET retry_at = 0 WHERE (subscription, source, channel, key) = ($1, $2, $3, $4)"
_UNPARK = "DELETE FROM remit_parked WHERE (subscription, source, channel, key) = ($1, $2, $3, $4)"


class _Letters:
    def __init__(self, link: Link) -> None:
        self._link = link

    async def run(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        rows = await self._link.fetch(sql, *values)
        return [tuple(row) for row in rows]

    async def park(self, park: Park) -> None:
        record = park.record
        source = (park.subscription, park.source, park.channel)
        await self.run(_PARK, *source, record.part, park.key, park.at, park.retry_at, park.error)
        message = (record.part, record.pos, record.id, record.prev, record.type, record.version, record.at)
        await self.run(_ADD, *source, park.key, *message, record.headers, str(record.payload, "utf-8"), park.at)

    async def settle(self, settle: Settle) -> None:
        key = settle[:4]
        await self.run(_HOLD, *key)
        if await self.run(_LOWEST, *key) != [(settle.part, settle.pos)]:
            raise Conflict("letter", where=f"{settle.subscription} key {settle.key}")
        if settle.error:
            await self.run(_FAILED_AGAIN, *key, settle.retry_at, settle.error)
        else:
            await self.run(_DELETE, *settle[:6])
            await self._free(key)

    async def discard(self, discard: Discard) -> None:
        letter = discard[:6]
        await self.run(_HOLD, *letter[:4])
        found = await self.run(_PAYLOAD, *letter)
        if not found:
            raise Conflict("letter", where=f"{discard.subscription} key {discard.key}")
        hashed = sha256(str(found[0][0]).encode()).hexdigest()
        await self.run(_ENTOMB, *letter, discard.at, discard.reason, hashed)
        await self._free(discard[:4])

    async def _free(self, key: tuple[str, str, int, str]) -> None:
        """Frees a key without letters in the transaction that found none; what is left is due now."""
        await self.run(_DUE_NOW if await self.run(_LOWEST, *key) else _UNPARK, *key)


async def write_letters(link: Link, unit: Unit) -> None:
    """Writes what a unit changes about parked keys. Raises `Conflict`, and what the driver raises."""
    letters = _Letters(link)
    if unit.settle is not None:
        await letters.settle(unit.settle)
    if unit.discard is not None:
        await letters.discard(unit.discard)
    for park in unit.parks:
        await letters.park(park)
