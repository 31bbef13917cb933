"""The topology file is read as written; whatever is wrong with it is said at once, and no secret ever is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import ModelError
from remit.messages.component import Component
from remit.topology.file import Address, KeyTexts, Service, parse_topology, read_topology
from remit.topology.secret import Secret
from tests.topology.files import FOLDER, SYSTEM, only, parsed, refused

WHOLE = """
archives = "old/logs"

[stores]
billing = "sqlite:/var/lib/billing.db"
archive = "sqlite:../archive/{context}.db"

[channels]
events = { url = "nats://relay:${PASSWORD}@broker:4222", codec = "msgpack", replicas = 3 }
calls = { url = "http", key = "${SCRIPT_KEY}", public = "scripts____________________________________" }

[services.front]
runs = ["sales", "billing.read"]
http = "127.0.0.1:8001"
calls = "[::1]:9001"
replicas = 2
credentials = "front:${PASSWORD}"
key = "${FRONT_KEY}"
public = "front______________________________________"

[services.back]
runs = ["billing.write"]
"""


def test_everything_written_is_there() -> None:
    topology = parsed(WHOLE, PASSWORD="hush", SCRIPT_KEY="quiet", FRONT_KEY="still")
    assert (topology.where, topology.system, topology.archives) == ("shop.toml", "shop:shop", FOLDER / "old/logs")
    front = Service(
        "front",
        (Component("sales"), Component("billing", "read")),
        Address("127.0.0.1", 8001),
        Address("::1", 9001),
        2,
        Secret("front:hush"),
        KeyTexts(Secret("still"), "front".ljust(43, "_")),
    )
    assert topology.services == {"front": front, "back": Service("back", (Component("billing", "write"),))}
    assert str(front.calls) == "[::1]:9001"
    assert topology.events
    assert (topology.events.technology.name, topology.events.codec, topology.events.replicas) == ("nats", "msgpack", 3)
    assert topology.events.url == Secret("nats://relay:hush@broker:4222")
    assert topology.calls
    assert (topology.calls.technology.name, topology.calls.codec) == ("http", "json")
    assert topology.calls.keys == KeyTexts(Secret("quiet"), "scripts".ljust(43, "_"))


def test_paths_of_stores_are_relative_to_the_file() -> None:
    topology = parsed(WHOLE, PASSWORD="hush", SCRIPT_KEY="quiet", FRONT_KEY="still")
    assert topology.store_of("sales").shown == "sqlite:/srv/shop/data/sales.db"
    assert topology.store_of("billing").shown == "sqlite:/var/lib/billing.db"
    assert topology.store_of("archive").shown == "sqlite:/srv/archive/archive.db"


def test_the_address_of_a_store_says_database_schema_and_user_and_hides_the_rest() -> None:
    topology = parsed(
        '[stores]\ndefault = "postgresql://{context}:${PASSWORD}@db.example:5432/shop?sslpassword=${PASSWORD}"\n'
        'billing = "postgresql://me%40office:${PASSWORD}@db.example/billing?schema=b&host=/run/db"\n'
        '[services.a]\nruns = ["*"]',
        PASSWORD="hush",
    )
    sales, billing = topology.store_of("sales"), topology.store_of("billing")
    assert sales.url == Secret("postgresql://sales:hush@db.example:5432/shop?sslpassword=hush")
    assert sales.shown == "postgresql://db.example:5432/shop schema sales"
    assert (sales.database, sales.schema, sales.user) == ("postgresql://db.example:5432/shop", "sales", "sales")
    assert billing.shown == "postgresql://db.example/billing?host=%2Frun%2Fdb schema b"
    assert billing.user == "me@office"
    assert "hush" not in repr((topology, sales, billing))


@pytest.mark.parametrize("option", ["host=a", "port=1", "dbname=a", "database=a"])
def test_the_options_of_an_address_that_say_which_database_it_is_tell_two_apart(option: str) -> None:
    topology = parsed(
        f'[stores]\none = "postgresql:///shop?user=me&password=hush&schema=s&{option}"\n'
        f'two = "postgresql:///shop?user=me&password=hush&schema=s&{option}1"\n[services.a]\nruns = ["*"]'
    )
    one, two = topology.store_of("one"), topology.store_of("two")
    assert (one.user, one.schema) == ("me", "s")
    assert one.database == f"postgresql:///shop?{option}"
    assert two.database == f"postgresql:///shop?{option}1"
    assert one.shown != two.shown


def test_no_secret_is_shown() -> None:
    topology = parsed(WHOLE, PASSWORD="hush", SCRIPT_KEY="quiet", FRONT_KEY="still")
    assert "hush" not in repr(topology)
    assert "quiet" not in repr(topology)
    assert "still" not in repr(topology)
    assert topology.events
    assert topology.events.place == "nats://broker:4222"


def test_a_broker_may_be_several_servers() -> None:
    events = parsed('[channels]\nevents = "nats://u:hush@one:1, tls://[::1]:2"\n[services.a]\nruns = []').events
    assert events
    assert events.place == "nats://one:1, tls://[::1]:2"


@pytest.mark.parametrize(
    "text",
    [
        '[channels]\nevents = "nats://u:hush@one:1,nats://u:hush@two"',
        '[channels]\nevents = "nats://u:hush@"',
        '[channels]\nevents = "nats://u:hush@host"',
        '[channels]\nevents = "kafka://u:hush@host:1"',
        '[channels]\nevents = "u:hush@host"',
        '[channels]\nevents = "nats://u:hu/sh@host:1:2"',
        '[stores]\ndefault = "postgres://u:hush@host/db"',
        '[stores]\ndefault = "postgresql:u:hush@host/db"',
        '[stores]\ndefault = "postgresql://u:hu/sh@host/db"',
        '[stores]\ndefault = "postgresql://u:hu/sh?hush@host/db"',
        '[stores]\ndefault = "postgresql://u:hu/sh#hush@host/db"',
        '[stores]\ndefault = "postgresql://u:[hush@host/db"',
        '[services.a]\nruns = ["*"]\ncredentials = ":hush"',
        '[services.a]\nruns = ["*"]\nhttp = "u:hush@host"',
        '[services.a]\nruns = ["*"]\ncredentials = "front:${WORD}"',
    ],
)
def test_no_secret_is_shown_by_a_finding(text: str) -> None:
    with pytest.raises(ModelError) as raised:
        parsed(text)
    assert "hush" not in repr(raised.value) + str(raised.value)
    assert "hu/sh" not in str(raised.value)


def test_what_the_environment_fills_in_is_not_shown_by_a_finding() -> None:
    with pytest.raises(ModelError) as raised:
        parsed('[channels]\nevents = "${URL}"\n[services.a]\nruns = ["*"]', URL="hush")
    assert "hush" not in str(raised.value)
    assert "${URL}" in str(raised.value)


MISTAKES = {
    'sistem = "x"': ("topology.unknown-key", 'did you mean "system"?'),
    "[chanels]": ("topology.unknown-key", 'did you mean "channels"?'),
    '[channels]\nevent = "nats://h:1"': ("topology.unknown-key", 'did you mean "events"?'),
    '[channels]\nevents = { url = "nats://h:1", codek = "json" }': ("topology.unknown-key", 'did you mean "codec"?'),
    '[channels]\nevents = { url = "nats://h:1", secret = "s" }': ("topology.unknown-key", "secret"),
    '[channels]\ncalls = { url = "http", secret = "s" }': ("topology.shared-secret", "remit key SERVICE"),
    '[services.b]\nruns = ["*"]\npublic = "too short"': ("topology.value", "43 letters"),
    '[services.b]\nruns = ["*"]\nreplica = 2': ("topology.unknown-key", 'did you mean "replicas"?'),
    "[services.b]": ("topology.incomplete", 'runs = ["*"]'),
    "[channels]\nevents = {}": ("topology.incomplete", "nats://HOST:PORT"),
    "stores = 1": ("topology.type", "stores is a number"),
    "[services]\nb = []": ("topology.type", "b is a list"),
    '[services.b]\nruns = "*"': ("topology.type", "runs is a string"),
    '[services.b]\nruns = ["*"]\nreplicas = true': ("topology.type", "replicas is a boolean"),
    '[services.b]\nruns = ["*"]\nhttp = 8000': ("topology.type", '"HOST:PORT"'),
    "[stores]\nsales = 2024-01-01": ("topology.type", "a date or time"),
    '[services.b]\nruns = ["*"]\nreplicas = 0': ("topology.value", "from 1 to 1000"),
    '[channels]\nevents = { url = "nats://h:1", replicas = 6 }': ("topology.value", "from 1 to 5"),
    '[channels]\ncalls = { url = "nats://h:1", replicas = 3 }': ("topology.unknown-key", "replicas"),
    '[services.b]\nruns = ["a b"]': ("topology.value", "'a b' does not name"),
    "[services.b]\nruns = [1]": ("topology.value", "1 does not name"),
    '[services.B]\nruns = ["*"]': ("topology.value", "lower-case"),
    '[services.b]\nruns = ["*"]\ncredentials = "b"': ("topology.value", "user:password"),
    '[channels]\ncalls = { url = "http", codec = "msgpak" }': ("topology.value", 'did you mean "msgpack"?'),
    '[services.b]\nruns = ["*"]\nhttp = "8000"': ("topology.address", 'http = "127.0.0.1:8000"'),
    '[services.b]\nruns = ["*"]\nhttp = "h:65536"': ("topology.address", "from 0 to 65535"),
    '[services.b]\nruns = ["*"]\nhttp = "::1:80"': ("topology.address", "HOST:PORT"),
    '[services.b]\nruns = ["*"]\ncalls = "h:0"': ("topology.address", "from 1 to 65535"),
    '[channels]\nevents = "nats://h"': ("topology.address", "nats://HOST:PORT"),
    '[channels]\nevents = "nats://h:1/path"': ("topology.address", "nats://HOST:PORT"),
    '[channels]\nevents = "nats://h:1,h:2"': ("topology.address", "nats://HOST:PORT"),
    '[channels]\nevents = "nats://h:port"': ("topology.address", "nats://HOST:PORT"),
    '[channels]\nevents = "http"': ("topology.technology", "'http' is not a channel for events"),
    '[channels]\ncalls = "redis://h:1"': ("topology.technology", 'nats://HOST:PORT or "http"'),
    '[stores]\ndefault = "redis://h:1"': ("topology.technology", "memory:, sqlite:PATH or postgresql://USER"),
    '[channels]\ncalls = "htpp://h:1"': ("topology.technology", 'did you mean "http"?'),
    '[channels]\ncalls = "natss://h:1"': ("topology.technology", 'did you mean "nats://..."?'),
    '[channels]\nevents = "postgres"': ("topology.technology", 'did you mean "postgresql"?'),
    '[stores]\ndefault = "sqllite:x.db"': ("topology.technology", 'did you mean "sqlite:..."?'),
    '[stores]\ndefault = "postgres://u:p@h/d"': ("topology.technology", 'did you mean "postgresql:..."?'),
    '[stores]\ndefault = "sqlite:"': ("topology.technology", "sqlite:PATH"),
    '[stores]\ndefault = "memory:x"': ("topology.technology", "memory:"),
    '[stores]\ndefault = "postgresql:"': ("topology.technology", "postgresql://USER"),
    '[stores]\ndefault = "postgresql:host/db"': ("topology.address", "postgresql://USER:PASSWORD@HOST/DATABASE"),
    '[stores]\ndefault = "postgresql://u:a/b@host/db"': ("topology.address", "@ is %40"),
    '[stores]\ndefault = "postgresql://u:a?b@host/db"': ("topology.address", "@ is %40"),
    '[stores]\ndefault = "postgresql://u:a#b@host/db"': ("topology.address", "@ is %40"),
    '[stores]\ndefault = "postgresql://u:[a@host/db"': ("topology.address", "@ is %40"),
    '[channels]\ncalls = "postgresql"': ("topology.technology", "'postgresql' is not a channel for calls"),
    '[stores]\ndefault = "sqlite:${DATA}/x.db"': ("topology.environment", "export DATA="),
    '[stores]\ndefault = "sqlite:${a b}/x.db"': ("topology.environment", "cannot be the name of a variable"),
    '[services.b]\nruns = ["${WHAT}"]': ("topology.environment", "export WHAT="),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_finding_with_its_place_and_what_to_type(mistake: str) -> None:
    code, told = MISTAKES[mistake]
    whole = '[services.a]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n'
    text = mistake + "\n" + whole if not mistake.startswith("[services]") else mistake
    finding = only(text, code)
    assert told in finding
    assert finding.startswith(f"{code}  shop.toml")


def test_a_missing_variable_is_told_once() -> None:
    text = '[stores]\ndefault = "sqlite:${DATA}/x.db"\nsales = "sqlite:${DATA}/y.db"\n[services.a]\nruns = ["*"]'
    with pytest.raises(ModelError) as raised:
        parsed(text)
    assert [finding.code for finding in raised.value.findings] == ["topology.environment"]


def test_all_mistakes_are_told_at_once() -> None:
    assert len(refused("stores = 1\nchannels = 2\nservices = 3\nother = 4\n")) == 2
    with pytest.raises(ModelError) as raised:
        parse_topology("stores = 1\nchannels = 2\nservices = 3\nother = 4\n", "shop.toml", FOLDER, {})
    assert [finding.where for finding in raised.value.findings] == [
        f"shop.toml {key}" for key in ("system", "stores", "channels", "services", "other")
    ]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "topology.missing"),
        (b"\xff", "topology.missing"),
        (b"a = ", "topology.syntax"),
        (b"a = " + b"9" * 5000, "topology.syntax"),
        (b"[services.a]\nruns = [0x" + b"f" * 5000 + b"]", "topology.syntax"),
    ],
    ids=["not there", "no text", "no TOML", "too many digits", "too many to show"],
)
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "shop.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError) as raised:
        read_topology(path)
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == (code, str(path))
    assert finding.expected
    assert finding.next


def test_a_file_is_read_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(SYSTEM + '[services.all]\nruns = ["${CONTEXT}"]')
    topology = read_topology(path, {"CONTEXT": "sales"})
    assert topology.services["all"].runs == ("sales",)
    assert topology.store_of("sales").shown == f"sqlite:{tmp_path}/data/sales.db"


def test_replicas_listen_on_the_following_ports() -> None:
    assert Address("host", 8000).of_replica(2) == Address("host", 8002)
    assert Address("host", 0).of_replica(2) == Address("host", 0)


KEYS = st.sampled_from(["system", "stores", "channels", "services", "events", "calls", "runs", "http", "a", "url"])
VALUES = st.recursive(
    st.one_of(st.text(max_size=12), st.integers(), st.booleans(), st.sampled_from(["http", "nats://h:1", "h:80", "*"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_is_in_a_file_it_is_read_or_refused(document: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    with suppress(ModelError):
        parse_topology(text, "shop.toml", FOLDER, {})


def toml(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + "".join(f"\\U{ord(letter):08x}" for letter in value) + '"'
        case list():
            return f"[{', '.join(map(toml, value))}]"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of any values
        case dict():
            return "{ " + ", ".join(f"{key} = {toml(inner)}" for key, inner in value.items()) + " }"  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of any values
        case _:
            return str(value)
