"""The same count over stores in PostgreSQL: reads the four schemas, and knows nothing of `remit` either."""

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from learning.checker import CONTEXTS, STUDENTS, TABLE, Kept, at_a_glance

QUERIES = (
    "SELECT channel, part, pos, id, prev, key, type, payload FROM remit_log ORDER BY channel, part, pos",
    "SELECT kind, id, body FROM remit_state",
    "SELECT subscription, source, channel, part, pos, id FROM remit_checkpoint ORDER BY prev",  # the last one counts
    "SELECT count(*) FROM remit_parked",
)


def read_schemas(addresses: Mapping[str, str], *, glance: bool = False) -> dict[str, Kept]:
    """The four stores by context: in the schema of its name, in the database at its address. `glance` as in `read`."""
    return asyncio.run(_read_all(addresses, at_a_glance(QUERIES) if glance else QUERIES))


async def _read_all(addresses: Mapping[str, str], queries: Sequence[str]) -> dict[str, Kept]:
    return {context: await _read(addresses[context], context, queries) for context in CONTEXTS}


async def _read(address: str, schema: str, queries: Sequence[str]) -> Kept:
    kept = Kept.nothing()
    connection = await asyncpg.connect(address, server_settings={"search_path": schema})
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):  # one snapshot for all tables
            if await connection.fetchval("SELECT to_regclass('remit_lease')") is not None:
                has_rows = await connection.fetchval("SELECT to_regclass($1)", f'"{TABLE}"') is not None
                wanted = [*queries, STUDENTS] if has_rows else queries
                kept.take(*[await connection.fetch(query) for query in wanted])
    finally:
        await connection.close()
    return kept
