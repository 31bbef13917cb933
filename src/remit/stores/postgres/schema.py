"""The schema of a context: its migrations, its version, and its owner."""

from __future__ import annotations

from importlib import resources

import asyncpg

from remit.errors import StoreError
from remit.stores.postgres.failures import FAILURES, failure
from remit.stores.postgres.place import text
from remit.stores.postgres.session import Link, Session
from remit.stores.tables import quoted
from remit.stores.technology import StoreAddress

# One lock for all schemas: making them is rare, and CREATE SCHEMA IF NOT EXISTS alone does not prevent races.
_LOCK = "SELECT pg_advisory_xact_lock(1919772020)"
PARTITIONS = 16
"""The default number of partitions."""

# Run by a process that found an older version. Another process may have migrated it meanwhile.
_BEGIN = """\
{lock};
SET LOCAL search_path = {schema}, pg_temp;
DO $remit$ BEGIN
IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name}) THEN CREATE SCHEMA {schema}; END IF;
END $remit$;
"""
_FIRST = """\
DO $remit$ BEGIN
IF to_regclass('remit_meta') IS NULL THEN
EXECUTE $remit_{number}$
{body}
$remit_{number}$;
INSERT INTO remit_meta (name, value)
VALUES ('context', {context}), ('partitions', '{partitions}'), ('version', '{number}');
END IF;
END $remit$;
"""
_NEXT = """\
DO $remit$ BEGIN
IF (SELECT value::int FROM remit_meta WHERE name = 'version') < {number} THEN
EXECUTE $remit_{number}$
{body}
$remit_{number}$;
UPDATE remit_meta SET value = '{number}' WHERE name = 'version';
END IF;
END $remit$;
"""

# Reads the catalogue, because to_regnamespace may see a state older than the lock.
_THERE = """
    SELECT n.nspname IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), true),
           EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = 'remit_meta')
    FROM (SELECT $1::name AS name) AS wanted LEFT JOIN pg_namespace n ON n.nspname = wanted.name
"""
_SCHEMAS = """
    SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = 'remit_meta' AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""


def migrations() -> dict[int, str]:
    """The migrations of this release by number. Each is run with `search_path` set to the context's schema."""
    files = (resources.files("remit.stores.postgres") / "migrations").iterdir()
    return {int(file.name[:4]): file.read_text("utf-8") for file in files if file.name.endswith(".sql")}


def script(schema: str, context: str, partitions: int = PARTITIONS) -> str:
    """The SQL that makes or migrates a schema, to be run in one transaction. It does nothing if nothing is missing.

    This release runs the same SQL. Run by hand, it checks neither the schema's owner nor for a newer version.
    """
    first, *others = sorted(migrations().items())
    parts = [_BEGIN.format(lock=_LOCK, name=text(schema), schema=quoted(schema))]
    parts += [_FIRST.format(number=first[0], body=first[1], context=text(context), partitions=partitions)]
    parts += [_NEXT.format(number=number, body=body) for number, body in others]
    return "\n".join(parts)


async def prepare(session: Session, place: StoreAddress, context: str, partitions: int) -> tuple[int, int]:
    """Makes or migrates the schema. Returns its version before and after. An up-to-date schema is not written to, so no
    rights to change it are needed.

    Raises `StoreError` if it has another owner, is newer than this release, or may not be changed by this user.
    """
    wanted = {"context": context, "partitions": str(partitions)}
    newest = max(migrations())
    try:
        async with session.transaction() as link:
            found = await _found(link, place)
        before = _version(found)
        if before < newest:
            found = await _migrated(session, place, before, script(place.schema, context, partitions))
    except FAILURES as error:
        raise failure(error, place.shown) from error
    _judge(place, found, wanted, newest)
    return before, _version(found)


async def _migrated(session: Session, place: StoreAddress, before: int, sql: str) -> dict[str, str]:
    async with session.transaction() as link:
        try:
            await link.connection.execute(sql)  # without a timeout: it may take long, and is not repeated
        except asyncpg.InsufficientPrivilegeError as error:
            there = f"the schema has version {before}, this release needs version {max(migrations())}"
            raise StoreError(
                f"{there if before else 'there is no schema'}, and this user may not change that ({error})",
                where=place.shown, expected="a schema made or migrated before, or a user with that right",
                next="run remit migrate with the rights of its owner, before the services start",
            ) from error  # fmt: skip
        found = await _found(link, place)
        await link.commit()
    return found


async def migrate(place: StoreAddress, context: str) -> tuple[int, int]:
    """Makes or migrates the schema of a context. Returns its version before and after. Raises as `prepare`, and
    `StoreUnavailable`."""
    session = Session(place, "migrate")
    try:
        return await prepare(session, place, context, PARTITIONS)
    finally:
        await session.close()


async def inspect(session: Session, place: StoreAddress, context: str) -> int:
    """Returns the number of partitions of a schema, without changing it.

    Raises `StoreError` if it is missing, has another owner, or a version that this release does not read.
    """
    newest = max(migrations())
    try:
        async with session.transaction() as link:
            found = await _found(link, place)
    except FAILURES as error:
        raise failure(error, place.shown) from error
    if (version := _version(found)) < newest:
        raise StoreError(
            f"the schema has version {version}; this release reads version {newest}"
            if version
            else "there is no schema",
            where=place.shown,
            expected="a schema that this release has made or migrated",
            next="run remit migrate with this release; or look with the release that made it",
        )
    _judge(place, found, {"context": context}, newest)
    return int(found["partitions"])


async def _found(link: Link, place: StoreAddress) -> dict[str, str]:
    ((_, usable, there),) = await link.fetch(_THERE, place.schema)
    if not usable:
        raise StoreError(
            "this user may not use the schema: it belongs to another context", where=place.shown,
            expected="a user with the rights of the context's role",
            next="give the context's own user in the address, or grant it its rights: remit migrate --roles",
        )  # fmt: skip
    if not there:
        return {}
    return {str(name): str(value) for name, value in await link.fetch("SELECT name, value FROM remit_meta")}


async def contexts(place: StoreAddress) -> list[str]:
    """The contexts in a database whose schema has their name, as far as this user may read them.

    Raises `StoreError`, `StoreUnavailable`.
    """
    session = Session(place, "looking")
    try:
        schemas = [str(name) for (name,) in await session.fetch(_SCHEMAS)]
        owners = [
            await session.fetch(f"SELECT value FROM {quoted(name)}.remit_meta WHERE name = 'context'")  # noqa: S608  the name is quoted
            for name in schemas
        ]
    finally:
        await session.close()
    return [name for name, ((context,),) in zip(schemas, owners, strict=True) if context == name]


def _version(found: dict[str, str]) -> int:
    return int(found.get("version", "0"))


def _judge(place: StoreAddress, found: dict[str, str], wanted: dict[str, str], newest: int) -> None:
    if _version(found) > newest:
        raise StoreError(
            f"the schema has version {found['version']}; this release knows versions up to {newest}", where=place.shown,
            expected=f"a schema version of at most {newest}",
            next="install the release of remit that made it, or a later one",
        )  # fmt: skip
    for name, value in wanted.items():
        if found[name] != value:
            raise StoreError(
                f"the schema was made for {name} {found[name]!r}",
                where=place.shown,
                expected=f"{name} {value!r}",
                next="give each context a schema of its own"
                if name == "context"
                else f"open it with {name}={found[name]}",
            )
