"""The component `acl` in a process of its own, killed between acceptance and translation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
import urllib.request
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.acl.payments import SECRET, body_of, signed
from tests.cli.program import DEADLINE, Office, Running
from tests.servers.ports import free_port

TOPOLOGY = """
system = "payments:system"
[stores]
default = "{}"
[channels]
calls = "http"
[services.hooks]
runs = ["payments.acl"]
http = "127.0.0.1:0"
calls = "127.0.0.1:{}"
[services.payments]
runs = ["payments.write", "payments.read"]
calls = "127.0.0.1:{}"
"""


def post(hooks: Running, body: bytes) -> int:
    """The status of the answer; 0 if the process was killed before it had sent one."""
    url = f"{hooks.ready['url']}/-/hooks/payments/stripe"
    request = urllib.request.Request(url, body, signed(body, time.time()))
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return int(answer.status)
    return 0


class Shop:
    """The shop as two services."""

    def __init__(self, folder: Path, store: str) -> None:
        self.file, self.deadly = folder / "shop.toml", folder / "deadly"
        self.file.write_text(TOPOLOGY.format(store, free_port(), free_port()))
        environment = {"STRIPE_SECRET": SECRET, "DEADLY": str(self.deadly)}
        self.office = Office(folder, Path(__file__).parent, environment)

    def running(self, service: str) -> Any:
        return self.office.started("run", str(self.file), service, "--json")

    def paid(self, invoice: str = "i-1") -> Any:
        asked = self.office.remit(
            "ask", str(self.file), "Paid", json.dumps({"invoice": invoice}), "--fresh", place=False
        )
        assert asked.returncode == 0, asked.stderr
        return json.loads(asked.stdout)

    def status(self) -> tuple[int, dict[str, Any]]:
        """The exit code of `remit status`, and the subscription to the webhook."""
        seen = self.office.remit("status", str(self.file), "--json", place=False)
        rows = json.loads(seen.stdout)["subscriptions"]
        return seen.returncode, next(each for each in rows if each["name"] == "payments.foreign:stripe")


def survives(shop: Shop) -> None:
    with shop.running("payments"):
        shop.deadly.touch()
        with shop.running("hooks") as hooks:
            answer = post(hooks, body_of("e-1", "invoice.deadly", cents=5))
            assert answer in (202, 0)
            assert hooks.process.wait(DEADLINE) == -9
        code, row = shop.status()
        assert (code, row["lag"], row["state"]) == (1, 1, "silent")
        shop.deadly.unlink()
        with shop.running("hooks") as hooks:
            assert shop.paid() == [5]
            assert post(hooks, body_of("e-1", "invoice.deadly", cents=5)) == 200
            assert shop.paid() == [5]
            assert post(hooks, body_of("e-2", "odd \0 \u00e9 \U0001f600", cents=1)) == 202
            assert post(hooks, body_of("e-3", cents=3)) == 202
            assert shop.paid() == [5, 3]
        assert shop.status()[1]["parked"] == 0


@pytest.mark.timeout(90)
def test_message_that_was_accepted_survives_the_death_of_its_process(tmp_path: Path) -> None:
    survives(Shop(tmp_path, f"sqlite:{tmp_path}/{{context}}.db"))


@pytest.mark.timeout(120)
def test_message_in_postgresql_survives_as_well(tmp_path: Path, server: str) -> None:
    async def made() -> None:
        connection = await asyncpg.connect(server)
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await connection.execute("CREATE DATABASE acl_of_a_test")
        await connection.close()

    asyncio.run(made())
    survives(Shop(tmp_path, f"{server.rpartition('/')[0]}/acl_of_a_test"))


@pytest.mark.timeout(90)
def test_messages_are_accepted_while_the_rest_of_the_context_is_down(tmp_path: Path) -> None:
    shop = Shop(tmp_path, f"sqlite:{tmp_path}/{{context}}.db")
    with shop.running("hooks") as hooks:
        assert post(hooks, body_of("e-1", cents=7)) == 202
        with shop.running("payments"):
            assert shop.paid() == [7]
