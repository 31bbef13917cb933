"""A schema with as many rows as years of work leave behind, made in one go."""

from __future__ import annotations

from typing import Any

from remit.log import SubscriptionId

__all__ = ["DAY", "PARTITIONS", "crowd", "park"]

PARTITIONS = 16
DAY = 86_400.0
DAYS = 14
"""Rows are as old as that at most, the older half older than what is kept."""

_LOG = """
    INSERT INTO remit_log (channel, part, pos, id, prev, key, type, version, at, headers, payload)
    SELECT channel, part, pos, format('%s.%s.%s', channel, part, pos),
           CASE WHEN pos > 1 THEN format('%s.%s.%s', channel, part, pos - 1) ELSE '' END,
           'key ' || pos % 1000, 'billing.Settled', 1, $1::float8 - $2::float8 * ($3 - pos) / $3,
           '{"trace":"t"}', '{"amount":120}'
    FROM generate_series(0, 1) AS channel, generate_series(0, 15) AS part, generate_series(1, $3::int) AS pos
"""
_CLAIMS = """
    INSERT INTO remit_idempotency (caller, key, fingerprint, outcome, at)
    SELECT 'web', md5(n::text), '\\x00', '{"reply":null}', $1::float8 - $2::float8 * ($3 - n) / $3
    FROM generate_series(1, $3::int) AS n
"""
_STATE = """
    INSERT INTO remit_state (kind, id, version, body)
    SELECT 'billing.Account', md5(n::text), 1, '{"owed":120}' FROM generate_series(1, $1::int) AS n
"""
_PARKED = """
    INSERT INTO remit_parked (subscription, source, channel, part, key, since, tried_at, attempts, retry_at, error)
    SELECT 'crowded.' || n % 100, 'billing', 1, n % 16, 'key ' || n, $1::float8, $1, 3, $1 + 1e9::float8, 'broken'
    FROM generate_series(1, $2::int) AS n
"""
_PARKED_OF_ONE = """
    INSERT INTO remit_parked (subscription, source, channel, part, key, since, tried_at, attempts, retry_at, error)
    SELECT $1, $2, $3::int, n % 16, 'parked ' || n, $4::float8 - n, $4, 3, $4 + 3600.0 + n, 'broken'
    FROM generate_series(1, $5::int) AS n
"""
_LETTERS_OF_ONE = """
    INSERT INTO remit_letter (subscription, source, channel, key, part, pos, id, prev, type, version, sent, headers,
                              payload, at)
    SELECT $1, $2, $3::int, 'parked ' || n, n % 16, n, 'm' || n, '', 'billing.Settled', 1, $4::float8, '{}', '{}', $4
    FROM generate_series(1, $5::int) AS n
"""
# Nine of ten letters are notes about discarded ones.
_LETTERS = """
    INSERT INTO remit_letter (subscription, source, channel, key, part, pos, id, prev, type, version, sent, headers,
                              payload, at, discarded_at, reason, sha256)
    SELECT 'crowded.' || n / 10 % 100, 'billing', 1, 'key ' || n / 10, n / 10 % 16, n, 'm' || n, 'm' || n - 1,
           'billing.Settled', 1, $1, '{}', '', $1,
           CASE WHEN n % 10 > 0 THEN $1 - 4 * $2::float8 * ($3 - n) / $3 END, 'r', 's'
    FROM generate_series(1, $3::int) AS n
"""


async def crowd(connection: Any, *, now: float, rows: int, others: int) -> int:
    """Fills the schema in `search_path`: so many log rows over all partitions of both channels, and so many idempotency
    rows, states and letters, with a tenth as many parked keys. Says how many messages each partition has.
    """
    each = rows // (2 * PARTITIONS)
    spread = DAYS * DAY
    await connection.execute(_LOG, now, spread, each, timeout=3600)
    await connection.execute(_CLAIMS, now, spread, others, timeout=3600)
    await connection.execute(_STATE, others, timeout=3600)
    await connection.execute(_PARKED, now, others // 10, timeout=3600)
    await connection.execute(_LETTERS, now, spread, others, timeout=3600)
    for table in ("log", "idempotency", "state", "parked", "letter"):
        await connection.execute(f"VACUUM ANALYZE remit_{table}", timeout=3600)
    return each


async def park(connection: Any, subscription: SubscriptionId, *, now: float, keys: int) -> None:
    """Parks so many keys of one subscription, none of them due, each with a letter."""
    for sql in (_PARKED_OF_ONE, _LETTERS_OF_ONE):
        await connection.execute(sql, *subscription, now, keys, timeout=3600)
    for table in ("parked", "letter"):
        await connection.execute(f"VACUUM ANALYZE remit_{table}", timeout=3600)
