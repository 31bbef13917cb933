"""The log's cold end: deleting it, and who has come how far."""

from __future__ import annotations

from collections.abc import Mapping

from remit.log import Checkpoint, SubscriptionId
from remit.stores.postgres.session import Link

FLOORS = "SELECT part, pos, id, at FROM remit_floor WHERE channel = $1"
# From the floor on: what was deleted before, and is not yet swept from the index, is not looked at again. And only when
# the first message is old: usually that is all there is to see.
TRIM = """
    WITH old AS (
        SELECT pos, id, at, max(at) OVER (ORDER BY pos) AS latest FROM (
            SELECT pos, id, at FROM remit_log
            WHERE channel = $1 AND part = $2 AND pos <= $3
              AND pos > (SELECT coalesce(max(pos), 0) FROM remit_floor WHERE channel = $1 AND part = $2)
              AND $4 > (SELECT at FROM remit_log WHERE channel = $1 AND part = $2
                        AND pos > (SELECT coalesce(max(pos), 0) FROM remit_floor WHERE channel = $1 AND part = $2)
                        ORDER BY pos LIMIT 1)
            ORDER BY pos LIMIT $5
        ) oldest
    ), gone AS (
        DELETE FROM remit_log WHERE channel = $1 AND part = $2 AND pos IN (SELECT pos FROM old WHERE latest < $4)
        RETURNING 1
    ), floor AS (
        INSERT INTO remit_floor AS f (channel, part, pos, id, at)
        SELECT $1, $2, pos, id, at FROM old WHERE latest < $4 ORDER BY pos DESC LIMIT 1
        ON CONFLICT (channel, part) DO UPDATE SET pos = excluded.pos, id = excluded.id, at = excluded.at
        WHERE f.pos < excluded.pos
    )
    SELECT count(*) FROM gone
"""
REPORT = """
    INSERT INTO remit_subscriber (subscription, channel, positions, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subscription, channel) DO UPDATE SET positions = excluded.positions, at = excluded.at
"""
SUBSCRIBERS = "SELECT subscription, channel, positions, at FROM remit_subscriber ORDER BY subscription, channel"
FORGET = "DELETE FROM remit_subscriber WHERE subscription = $1 RETURNING 1"
_CLEAR = "DELETE FROM remit_checkpoint WHERE subscription = $1 AND source = $2 AND channel = $3 AND part = $4"
_PUT = """
    INSERT INTO remit_checkpoint (subscription, source, channel, part, prev, pos, id, at)
    VALUES ($1, $2, $3, $4, $5 - 1, $5, $6, $7)
"""


async def put(link: Link, subscription: SubscriptionId, checkpoints: Mapping[int, Checkpoint]) -> None:
    """Writes checkpoints in place of all that the subscription has left behind there. Within a transaction."""
    for part, checkpoint in checkpoints.items():
        place = (*subscription, part)
        await link.fetch(_CLEAR, *place)
        await link.fetch(_PUT, *place, *checkpoint)
