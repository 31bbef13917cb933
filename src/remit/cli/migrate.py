"""`remit migrate`: makes and migrates the schemas of contexts in PostgreSQL, grants the rights of their roles, and
makes the streams of a broker."""

from __future__ import annotations

import asyncio
import json as jsons
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

from cyclopts import Parameter

from remit.cli.options import AsJson, Store, SystemName, is_topology, located
from remit.cli.screen import say
from remit.errors import Findings, one_of
from remit.hosting.assembly import followed_by
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, find_system, load_system
from remit.hosting.granting import over_broker
from remit.hosting.technologies import open_store, prepare_broker
from remit.log import Channel
from remit.runtime.compiler import row_tables
from remit.stores import RowTable
from remit.topology.file import Topology, read_topology
from remit.topology.keys import is_proved
from remit.topology.placement import reads_directly
from remit.topology.secret import Secret
from remit.topology.secrets import ADMINISTRATOR, BROKER_ADMINISTRATOR
from remit.topology.stores import Reader, StorePlace

if TYPE_CHECKING:  # it imports a driver
    from remit.hosting.databases import Migrated

Stores = Mapping[str, StorePlace]
Tables = Mapping[str, Sequence[RowTable]]
Readers = Mapping[str, Sequence[Reader]]


def migrate(
    system: SystemName = HERE,
    /,
    *contexts: Annotated[str, Parameter(name="CONTEXT", help="Only the stores of these contexts. Default: all.")],
    sql: Annotated[bool, Parameter(negative="", help="Print the SQL and connect to nothing.")] = False,
    roles: Annotated[
        bool, Parameter(negative="", help="Print the grants for the users in the addresses of the stores.")
    ] = False,
    apply: Annotated[bool, Parameter(negative="", help="With --roles: make the users and execute the grants.")] = False,
    admin: Annotated[
        str | None,
        Parameter(
            env_var=ADMINISTRATOR,
            show_env_var=True,
            help="postgresql://USER:PASSWORD@HOST of an administrator, who connects to the databases of the stores "
            "instead of their own users. Better set in the environment.",
        ),
    ] = None,
    broker_admin: Annotated[
        str | None,
        Parameter(
            env_var=BROKER_ADMINISTRATOR,
            show_env_var=True,
            help="USER:PASSWORD of an administrator, who makes the streams of the broker. Better in the environment.",
        ),
    ] = None,
    store: Store = None,
    json: AsJson = False,
) -> int:
    """Make the stores of all contexts in PostgreSQL, or migrate them to this release. SYSTEM may be a topology file.

    Each schema is migrated in one transaction, under a lock. A current schema stays unchanged; a schema of a newer
    release is refused. Stores outside of PostgreSQL need no command: they migrate when they are opened.

    With --broker-admin, also makes the streams at the broker of a topology, for services that may not make them.
    """
    if (sql and roles) or (apply and not roles) or (json and (sql or roles)):
        raise Failure(
            "cli.usage", "these options cannot be combined", where="remit migrate",
            expected="one of --sql, --roles, --roles --apply and --json", next="remit migrate --help",
        )  # fmt: skip
    stores, tables = _stores(system, store, contexts)
    schemas = {context: place for context, place in stores.items() if place.technology and place.technology.schemas}
    administrator = Secret(admin) if admin else None
    if administrator:
        _check_server(schemas)
    for context, place in schemas.items():
        open_store(place, context)  # raises an error that names a missing driver
    if sql:
        _print_migrations(schemas, tables)
    elif apply:
        asyncio.run(_grant(schemas, _readers(system), administrator))
    elif roles:
        _print_grants(schemas, _readers(system))
    else:
        asyncio.run(_migrate(stores, tables, administrator, _broker(system, stores, broker_admin), as_json=json))
    return 0


def _stores(system: str, store: str | None, contexts: tuple[str, ...]) -> tuple[dict[str, StorePlace], Tables]:
    """The places of the stores of the named contexts, or of all contexts; and the tables of their row models, as far as
    the contexts are loaded here."""
    found, places, _ = located(system, store)
    names = found.names
    for unknown in (each for each in contexts if each not in names):
        raise Failure(
            "context.unknown", f"there is no context {unknown!r}", where=system, expected=one_of(names),
            next=f"remit migrate {system}",
        )  # fmt: skip
    stores, findings = {context: places.of(context) for context in contexts or names}, Findings()
    for place in stores.values():
        place.url.tell(findings)
    findings.settle()
    return stores, {each.name: row_tables(each) for each in found.hosting(contexts or None, edges=()).contexts}


def _check_server(stores: Stores) -> None:
    servers = {urlsplit(place.database).netloc for place in stores.values()}
    if len(servers) > 1:
        raise Failure(
            "migrate.servers", f"--admin is an administrator of one server, and the stores are on {len(servers)}",
            where="remit migrate --admin", expected="stores on one server",
            next=f"name only the contexts of one server: remit migrate ... {next(iter(stores))}",
        )  # fmt: skip


def _readers(system: str) -> Readers:
    """The users who may read what a context publishes: those of the contexts that follow it."""
    if not is_topology(system):
        return {}
    topology = read_topology(system, whole=False)
    readers: dict[str, list[Reader]] = {}
    found = find_system(topology.system)
    known = found.hosting() if is_proved(topology) else found  # then its services know the whole map
    for context in known.names if reads_directly(topology) else ():
        for source in followed_by(known.hosting((context,)).model(), context):
            place = topology.store_of(context)
            if not place.user:
                _ = place.url.value  # raises an error that names the missing variable
            readers.setdefault(source, []).append(Reader(context, place.user))
    return readers


def _print_migrations(stores: Stores, tables: Tables) -> None:
    from remit.hosting import databases

    for context, place in stores.items():
        print(databases.migration(context, place, tables.get(context, ())))


def _print_grants(stores: Stores, readers: Readers) -> None:
    from remit.hosting import databases

    for context, place in stores.items():
        print(databases.rights(context, place))
    for source in (source for source in readers if source in stores):
        print(databases.reading(source, stores[source], readers[source]))


class _Broker(NamedTuple):
    """What an administrator makes at the broker: the streams for channels of contexts."""

    system: str
    topology: Topology
    administrator: tuple[str, str]
    needed: Sequence[tuple[str, Channel]]


def _broker(system: str, contexts: Collection[str], given: str | None) -> _Broker | None:
    """The broker of a topology, for these contexts. None if no administrator is given, or if there is no topology."""
    user, _, password = (given or "").partition(":")
    if given and not (user and password):
        raise Failure(
            "cli.usage", "the value is not USER:PASSWORD (it is not shown)", where="remit migrate --broker-admin",
            expected="USER:PASSWORD", next=f"set {BROKER_ADMINISTRATOR} in the environment",
        )  # fmt: skip
    if not given or not is_topology(system):
        return None
    topology = read_topology(system, whole=False)
    found = load_system(topology.system)
    needed = [each for each in over_broker(found, topology) if each[0] in contexts]
    return _Broker(found.name, topology, (user, password), needed)


async def _migrate(
    stores: Stores, tables: Tables, administrator: Secret | None, broker: _Broker | None, *, as_json: bool
) -> None:
    from remit.hosting import databases

    done: list[databases.Migrated] = []
    for context, place in stores.items():
        if place.technology is None or not place.technology.schemas:
            kind = place.technology.name if place.technology else "its"
            told = f"{kind} stores migrate when they are opened"
        else:
            done.append(await databases.migrate(context, place, administrator, tables.get(context, ())))
            told = _told(done[-1])
        if not as_json:
            say(f"{context}: {told}")
    streams = await prepare_broker(*broker) if broker else []
    for name, made in streams if not as_json else ():
        say(f"{name}: {'made' if made else 'there already: nothing to do'}")
    if as_json:
        made_now = [{"name": name, "made": made} for name, made in streams]
        print(jsons.dumps({"stores": [each._asdict() for each in done], "streams": made_now}))


def _told(done: Migrated) -> str:
    _, store, before, after, tables = done
    made = f"; made for row models: {', '.join(tables)}" if tables else ""
    if before == after:
        return f"{store} has version {after}{made or ': nothing to do'}"
    return f"{store} {'migrated from version ' + str(before) + ' to' if before else 'made in version'} {after}{made}"


async def _grant(stores: Stores, readers: Readers, administrator: Secret | None) -> None:
    from remit.hosting import databases

    await databases.apply_rights(stores, readers, administrator)
    for context, place in stores.items():
        say(f"{context}: {place.user} may use {place.shown}")
        for reader in readers.get(context, ()):
            say(f"{context}: {reader.user} may read what it publishes")
