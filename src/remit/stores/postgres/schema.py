"""The schema of a context: its migrations, its version, and whose it is."""

from __future__ import annotations

from importlib import resources

from remit.errors import StoreError
from remit.stores.postgres.failures import FAILURES, failure
from remit.stores.postgres.place import Place, quoted
from remit.stores.postgres.session import Link, Session

__all__ = ["inspect", "migrations", "prepare"]

# One number for all schemas: making them is rare, and CREATE SCHEMA IF NOT EXISTS is no protection by itself.
_LOCK = "SELECT pg_advisory_xact_lock(1919772020)"
# From the catalogue itself: what to_regnamespace says may be older than the lock.
_THERE = """
    SELECT n.nspname IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'USAGE'), true),
           EXISTS (SELECT FROM pg_class WHERE relnamespace = n.oid AND relname = 'remit_meta')
    FROM (SELECT $1::name AS name) AS wanted LEFT JOIN pg_namespace n ON n.nspname = wanted.name
"""


def migrations() -> dict[int, str]:
    """The migrations of this release by number. Each is run with `search_path` set to the context's schema."""
    files = (resources.files("remit.stores.postgres") / "migrations").iterdir()
    return {int(file.name[:4]): file.read_text("utf-8") for file in files if file.name.endswith(".sql")}


async def prepare(session: Session, place: Place, context: str, partitions: int) -> None:
    """Makes or migrates the schema. Where it is as it should be nothing is written, so no rights to it are needed.

    Raises `StoreError` when it is somebody else's or newer than this release, or may not be changed by this user.
    """
    wanted = {"context": context, "partitions": str(partitions)}
    newest = max(migrations())
    try:
        async with session.transaction() as link:
            found = await _found(link, place)
        if _version(found) < newest:
            async with session.transaction() as link:
                await link.run(_LOCK)
                await _migrate(link, place, wanted)
                found = await _found(link, place)
                await link.commit()
    except FAILURES as error:
        raise failure(error, place.where) from error
    _judge(place, found, wanted, newest)


async def inspect(session: Session, place: Place, context: str) -> int:
    """The number of partitions of a schema, of which nothing is changed.

    Raises `StoreError` when there is none, when it is somebody else's, or of another version than this release reads.
    """
    newest = max(migrations())
    try:
        async with session.transaction() as link:
            found = await _found(link, place)
    except FAILURES as error:
        raise failure(error, place.where) from error
    if (version := _version(found)) < newest:
        raise StoreError(
            f"the schema has version {version}; this release reads version {newest}"
            if version
            else "there is no schema",
            where=place.where,
            expected="a schema that this release has made or migrated",
            next="run the system once with this release; or look with the release that made it",
        )
    _judge(place, found, {"context": context}, newest)
    return int(found["partitions"])


async def _found(link: Link, place: Place) -> dict[str, str]:
    ((_, usable, there),) = await link.fetch(_THERE, place.schema)
    if not usable:
        raise StoreError(
            "this user may not do that: the schema is another's",
            where=place.where,
            expected="a user with the rights of the context's role",
            next="give the context's own user in the address",
        )
    if not there:
        return {}
    return {str(name): str(value) for name, value in await link.fetch("SELECT name, value FROM remit_meta")}


def _version(found: dict[str, str]) -> int:
    return int(found.get("version", "0"))


async def _migrate(link: Link, place: Place, wanted: dict[str, str]) -> None:
    found = await _found(link, place)
    ((there, *_),) = await link.fetch(_THERE, place.schema)
    if not there:
        await link.run(f"CREATE SCHEMA {quoted(place.schema)}")
    for number, script in sorted(migrations().items()):
        if number > _version(found):
            await link.run(script)
            found["version"] = str(number)
    for name, value in {**wanted, **found}.items():
        await link.fetch(
            "INSERT INTO remit_meta AS m (name, value) VALUES ($1, $2)"
            " ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE m.value <> excluded.value",
            name,
            value,
        )


def _judge(place: Place, found: dict[str, str], wanted: dict[str, str], newest: int) -> None:
    if _version(found) > newest:
        raise StoreError(
            f"the schema has version {found['version']}; this release knows versions up to {newest}",
            where=place.where,
            expected=f"a schema version of at most {newest}",
            next="install the release of remit that made it, or a later one",
        )
    for name, value in wanted.items():
        if found[name] != value:
            raise StoreError(
                f"the schema was made for {name} {found[name]!r}",
                where=place.where,
                expected=f"{name} {value!r}",
                next="give each context a schema of its own"
                if name == "context"
                else f"open it with {name}={found[name]}",
            )
