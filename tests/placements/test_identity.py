"""The learning platform where every service proves its name: it works, and one that was taken over gets nowhere."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from learning import checker
from learning.driver import come_to_rest, play
from learning.process import EXAMPLES, REMIT, TOPOLOGIES, Services
from remit.errors import NotAllowed
from remit.transports import CallRequest
from remit.transports.http.keys import new_pair
from remit.transports.nats.calls import NatsCalls
from remit.transports.nats.connection import NatsConnection
from tests.placements.deployment import deployed

pytestmark = pytest.mark.timeout(180)  # processes share their machine with others

SERVICES = ("enrollment", "billing", "learning", "certification")


def with_settings(name: str, folder: Path, settings: Mapping[str, str], more: str = "") -> Path:
    """A topology of the example, with these settings in each service."""
    text = (TOPOLOGIES / f"{name}.toml").read_text()
    text = re.sub(r"\[services\.(\w+)\]\n", lambda found: f"{found[0]}{settings[found[1]]}\n", text)
    file = folder / f"{name}.toml"
    file.write_text(text + more)
    return file


def plan(services: Services, option: str) -> str:
    done = subprocess.run(
        [REMIT, "plan", str(services.file), option], cwd=EXAMPLES, env=os.environ | services.environment,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def goes_through_school(services: Services) -> None:
    """A cohort uses every call and every event of the platform, and nothing is turned away."""
    services.start()
    told = play(services.urls, students=6, seed=5)
    come_to_rest(services.urls)
    assert [each.log() for each in services.services.values() if re.search("turned-away|denies", each.log())] == []
    assert set(services.stop().values()) == {0}
    assert checker.check(checker.read(services.data), told) == []


def test_services_with_key_pairs_do_what_the_map_grants(tmp_path: Path) -> None:
    pairs = {name: new_pair() for name in SERVICES}
    keys = {name: f'key = "{pair.private}"\npublic = "{pair.public}"' for name, pair in pairs.items()}
    with deployed(with_settings("four-http", tmp_path, keys), tmp_path / "it") as (services, _):
        grants = plan(services, "--grants")
        services.file.with_suffix(".grants.json").write_text(grants)
        certification = json.loads(grants)["certification"]
        assert certification["speaks"]["certification"].get("billing.write") is None
        assert all(certification["reads"]["certification"].values()), "each log with the types that are followed there"
        assert not any("*" in types for types in certification["reads"]["certification"].values())
        goes_through_school(services)


def test_users_of_a_broker_do_what_the_map_grants_and_an_undeclared_call_is_denied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (*SERVICES, "administrator"):
        monkeypatch.setenv(f"{name.upper()}_PASSWORD", f"{name}-secret")
    users = {name: f'credentials = "{name}:${{{name.upper()}_PASSWORD}}"' for name in SERVICES}
    with deployed(with_settings("four-nats", tmp_path, users), tmp_path / "it") as (services, nats):
        assert nats is not None
        services.file.with_suffix(".grants.json").write_text(plan(services, "--grants"))
        nats.more = plan(services, "--permissions")
        nats.stop()
        nats.start()
        services.environment["REMIT_BROKER_ADMIN"] = "administrator:administrator-secret"
        made = services.remit("migrate")
        assert made.returncode == 0, made.stderr
        del services.environment["REMIT_BROKER_ADMIN"]
        goes_through_school(services)
        attack(nats.url)


def attack(url: str) -> None:
    """With the credentials of certification: calls that the map does not declare, and calls in another name."""

    async def story() -> None:
        connection = NatsConnection(url, name="certification", credentials=("certification", "certification-secret"))
        calls = NatsCalls(connection, "learning")
        await calls.open()
        try:
            for address, speaker in (
                ("billing.write", "certification"), ("billing.write", "enrollment"), ("billing.write", "_"),
            ):  # fmt: skip
                with pytest.raises(NotAllowed, match="denies"):
                    await calls.call(address, CallRequest("ping", {}, b"", speaker), 5.0)
        finally:
            await calls.close()

    asyncio.run(story())
