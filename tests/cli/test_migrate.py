"""`remit migrate`: schemas and rights in a real PostgreSQL, made by one command or by the SQL that it prints."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.cli.program import Office, is_clear

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others
TOPOLOGY = """
system = "post_office:office"
[stores]
default = "{place}"
[services.all]
runs = ["*"]
http = "127.0.0.1:0"
"""
PASSWORD = "hush-hush"  # the tests' own server asks for none


class Database:
    """A new database, in which each context has a role of its own."""

    def __init__(self, server: str) -> None:
        self.mark = f"remit_{uuid.uuid4().hex[:12]}"
        self.admin = urlunsplit(urlsplit(server)._replace(path=f"/{self.mark}"))
        host = urlsplit(server).netloc.rpartition("@")[2]
        self.place = f"postgresql://{self.mark}_{{context}}:{PASSWORD}@{host}/{self.mark}"

    def fetch(self, sql: str, address: str = "") -> list[Any]:
        async def fetch() -> list[Any]:
            connection = await asyncpg.connect(address or self.admin)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(fetch())

    def run(self, script: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.admin)
            await connection.execute(script)
            await connection.close()

        asyncio.run(run())

    def tables(self) -> int:
        return len(self.fetch("SELECT FROM pg_tables WHERE tablename LIKE 'remit%'"))


@pytest.fixture
def database(server: str) -> Iterator[Database]:
    database = Database(server)
    database.fetch(f"CREATE DATABASE {database.mark}", server)
    yield database
    database.fetch(f"DROP DATABASE {database.mark} WITH (FORCE)", server)
    for context in ("desk", "mail", "sales", "stock", "billing"):
        database.fetch(f"DROP ROLE IF EXISTS {database.mark}_{context}", server)


@pytest.fixture
def topology(office: Office, database: Database, tmp_path: Path) -> str:
    file = tmp_path / "office.toml"
    file.write_text(TOPOLOGY.format(place=database.place.replace(PASSWORD, "${OFFICE_PASSWORD}")))
    office.environment |= {"OFFICE_PASSWORD": PASSWORD, "REMIT_ADMIN_URL": database.admin}
    return str(file)


def run(office: Office, *arguments: str, code: int = 0) -> str:
    """What the command said; never a password."""
    done = office.remit(*arguments, place=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_an_administrator_migrates_and_each_role_uses_its_own_schema(
    office: Office, database: Database, topology: str
) -> None:
    made = run(office, "migrate", topology)
    assert "desk: postgresql://" in made
    assert "schema mail made in version" in made
    assert run(office, "migrate", topology).count("nothing to do") == 2
    stores = json.loads(run(office, "migrate", topology, "mail", "--json"))["stores"]
    assert [each["context"] for each in stores] == ["mail"]
    assert stores[0]["before"] == stores[0]["after"]

    def posts(code: int) -> str:
        store = database.place
        return run(office, "send", "post_office:office", "Post", fields, "--store", store, code=code)

    fields = '{"letter": "l1", "box": "ada", "text": "hello"}'
    assert is_clear(posts(2), "store.unusable")
    granted = run(office, "migrate", topology, "--roles", "--apply")
    assert f"mail: {database.mark}_mail may use" in granted
    posts(0)
    mail = database.place.replace("{context}", "mail")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        database.fetch("SELECT * FROM desk.remit_log", mail)


def test_what_is_printed_does_the_same_and_printing_connects_to_nothing(
    office: Office, database: Database, topology: str
) -> None:
    del office.environment["REMIT_ADMIN_URL"]
    schemas, grants = run(office, "migrate", topology, "--sql"), run(office, "migrate", topology, "--roles")
    assert database.tables() == 0
    for _ in range(2):
        database.run(schemas)
        database.run(grants)
    fields = '{"letter": "l1", "box": "ada", "text": "hello"}'
    sent = run(office, "send", "post_office:office", "Post", fields, "--store", database.place)
    assert sent == '"l1"\n'
    assert run(office, "migrate", topology).count("nothing to do") == 2


def test_a_newer_schema_is_refused_and_so_is_what_cannot_be(office: Office, database: Database, topology: str) -> None:
    run(office, "migrate", topology)
    database.run("UPDATE mail.remit_meta SET value = '999' WHERE name = 'version'")
    assert "version 999" in run(office, "migrate", topology, code=2)
    assert "mail" in run(office, "migrate", topology, "--sql")  # printing refuses nothing
    database.run("DROP SCHEMA mail CASCADE")
    office.environment["REMIT_ADMIN_URL"] = database.place.replace("{context}", "nobody")
    assert is_clear(run(office, "migrate", topology, code=2), "store.unusable")


def test_what_does_not_go_together_is_refused(office: Office, topology: str) -> None:
    for options in (["--sql", "--roles"], ["--apply"], ["--json", "--sql"], ["--store", "memory:"]):
        assert is_clear(run(office, "migrate", topology, *options, code=2), "cli.usage")
    assert is_clear(run(office, "migrate", topology, "--broker-admin", "nobody", code=2), "cli.usage")
    assert is_clear(run(office, "migrate", topology, "nobody", code=2), "context.unknown")


def test_an_administrator_is_of_one_server(office: Office, topology: str) -> None:
    file = Path(topology)
    file.write_text(file.read_text().replace("[services", 'mail = "postgresql://mail@elsewhere/mail"\n[services'))
    assert is_clear(run(office, "migrate", topology, code=2), "migrate.servers")


def test_addresses_without_users_have_no_roles(office: Office, topology: str) -> None:
    said = run(office, "migrate", "post_office:office", "--roles", "--store", "postgresql:///office", code=2)
    assert is_clear(said, "store.unusable")
    assert "names no user" in said


def test_who_reads_logs_directly_may_read_what_is_published_and_no_more(
    office: Office, database: Database, topology: str
) -> None:
    file = Path(topology)
    file.write_text(file.read_text().replace("[services", '[channels]\nevents = "postgresql"\n[services'))
    printed = run(office, "migrate", topology, "desk", "--roles")
    assert f'GRANT SELECT ON "desk".remit_published, "desk".remit_published_floor TO "{database.mark}_mail"' in printed
    assert (
        f'"{database.mark}_mail"' not in run(office, "migrate", topology, "mail", "--roles").partition("for those")[2]
    )
    run(office, "migrate", topology)
    granted = run(office, "migrate", topology, "--roles", "--apply")
    assert f"desk: {database.mark}_mail may read what it publishes" in granted
    mail = database.place.replace("{context}", "mail")
    assert database.fetch("SELECT * FROM desk.remit_published", mail) == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        database.fetch("SELECT * FROM desk.remit_log", mail)


def test_a_role_reads_only_what_the_map_lets_its_context_follow(
    office: Office, database: Database, topology: str
) -> None:
    """Sales uses stock, and billing uses sales. Commands for later travel from the log of the user to the used one."""
    file = Path(topology)
    text = file.read_text().replace("[services", '[channels]\nevents = "postgresql"\n[services')
    text = text.replace("post_office:office", "tests.hosting.guarded:system").replace('http = "127.0.0.1:0"\n', "")
    file.write_text(text)
    office.folder = Path(__file__).parents[2]
    office.environment["PYTHONPATH"] = str(office.folder / "examples")
    run(office, "migrate", topology)
    run(office, "migrate", topology, "--roles", "--apply")
    contexts = ("sales", "stock", "billing")
    for reader in contexts:
        role = database.place.replace("{context}", reader)
        for source in (each for each in contexts if each != reader):
            seen = f"SELECT * FROM {source}.remit_published"
            if (reader, source) in {("billing", "sales"), ("sales", "billing"), ("stock", "sales")}:
                assert database.fetch(seen, role) == []
            else:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    database.fetch(seen, role)
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                database.fetch(f"SELECT * FROM {source}.remit_state", role)


def test_parked_keys_are_found_in_every_schema_of_a_database(office: Office, database: Database) -> None:
    place = database.admin
    run(office, "migrate", "post_office:office", "--store", place)
    database.run(
        "INSERT INTO mail.remit_parked VALUES ('mail.deliver', 'desk', 1, 0, 'ada', 1.0, 1, 2.0, 'poisoned');"
        "CREATE SCHEMA other; CREATE TABLE other.remit_meta (name text, value text);"
        "INSERT INTO other.remit_meta VALUES ('context', 'another')"
    )
    assert "ada" in run(office, "parked", "list", "--store", place)
    assert is_clear(run(office, "parked", "list", "--store", database.place, code=2), "cli.usage")
    typo = run(office, "parked", "list", "mail.typo", "--store", place, code=2)
    assert is_clear(typo, "parked.none")
    run(office, "migrate", "post_office:office", "--store", database.place, "--roles", "--apply", "--admin", place)
    said = run(office, "parked", "list", "mail.typo", "--store", database.place)
    assert said == "nothing is parked\n", "nobody can tell which contexts it may follow"


@pytest.mark.parametrize("options", [[], ["--roles", "--apply"]], ids=["schemas", "roles"])
def test_a_server_that_cannot_be_reached_is_to_be_started_and_the_command_run_again(
    office: Office, options: list[str]
) -> None:
    said = run(
        office, "migrate", "post_office:office", *options, "--store", "postgresql://desk@127.0.0.1:1/office", code=2
    )
    assert is_clear(said, "store.unavailable")
    assert "Next: start it, or correct the address; services go on by themselves, a command is run again" in said


def test_other_stores_need_no_command(office: Office) -> None:
    said = run(office, "migrate", "post_office:office", "--store", "sqlite:nowhere/{context}.db")
    assert said.splitlines() == [
        f"{context}: sqlite stores migrate when they are opened" for context in ("desk", "mail")
    ]
