"""A login role per context, with rights on the tables of its own schema only."""

from __future__ import annotations

import asyncpg

from remit.stores.postgres.failures import FAILURES, failure
from remit.stores.postgres.place import text
from remit.stores.tables import quoted
from remit.stores.technology import StoreAddress

_ROLE = """\
DO $remit$ BEGIN
IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN CREATE ROLE {role} LOGIN; END IF;
END $remit$;
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT EXECUTE ON FUNCTIONS TO {role};
"""

_READER = """\
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT ON {schema}.remit_published, {schema}.remit_published_floor TO {role};
GRANT SELECT, INSERT, UPDATE ON {schema}.remit_published_subscriber TO {role};
INSERT INTO {schema}.remit_reader (role, context) VALUES ({name}, {context}) ON CONFLICT DO NOTHING;
"""


def role(schema: str, name: str) -> str:
    """The SQL that creates a login role with the rights to use the store in a schema. To be run by the schema's owner.

    It may be run again. The role cannot change or migrate the schema. No password is set: configure the login at the
    server.
    """
    return _ROLE.format(schema=quoted(schema), role=quoted(name), name=text(name))


def reader(schema: str, name: str, context: str) -> str:
    """The SQL that lets another context's role read what this one publishes, and report its progress; nothing else.

    `context` is that other context: the role can report only for its subscriptions.
    """
    return _READER.format(schema=quoted(schema), role=quoted(name), name=text(name), context=text(context))


async def apply(place: StoreAddress, sql: str) -> None:
    """Runs grants in one transaction. Raises `StoreError`, `StoreUnavailable`."""
    try:
        connection = await asyncpg.connect(place.text, timeout=10, statement_cache_size=0)
        try:
            async with connection.transaction():
                await connection.execute(sql)
        finally:
            await connection.close()
    except FAILURES as error:
        raise failure(error, place.shown) from error
