"""A login role per context, with rights on the tables of its own schema only."""

from __future__ import annotations

import asyncpg

from remit.stores.postgres.failures import FAILURES, failure
from remit.stores.postgres.place import text
from remit.stores.tables import quoted
from remit.stores.technology import StoreAddress

_ROLE = """\
DO $remit$ BEGIN
PERFORM pg_advisory_xact_lock({lock});
IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN CREATE ROLE {role} LOGIN; END IF;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
END $remit$;
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA {schema} FROM PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA {schema} TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT EXECUTE ON ROUTINES TO {role};
"""

_LOCK = 7_310_579_421_908
"""Taken by those who change the default privileges of an owner, which are one row for all schemas."""

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

    Functions that the owner makes later, in any schema of the database, may be called only by those who are granted it.
    A default for one schema can only add to what everybody may do, so this is the default of the owner.
    """
    return _ROLE.format(schema=quoted(schema), role=quoted(name), name=text(name), lock=_LOCK)


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
