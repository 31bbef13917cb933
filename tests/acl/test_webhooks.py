"""A webhook over a real server: what is stored, what is answered, and what the context makes of it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn

from remit.edges.http import HttpApp
from remit.errors import ModelError
from remit.log import Channel, SubscriptionId
from remit.observability import read_status
from tests.acl.payments import SECRET, Paid, body_of, signed, system

PATH = "/-/hooks/payments/stripe"


class Gateway:
    """Sends webhooks to a server as the payment gateway does."""

    def __init__(self, session: aiohttp.ClientSession, url: str, app: Any) -> None:
        self.session, self.url, self.app = session, url, app

    async def post(self, body: bytes, path: str = PATH, **more: Any) -> tuple[int, dict[str, Any]]:
        made = signed(more.get("of", body), time.time() + more.get("late", 0), more.get("secret", SECRET))
        headers = more.get("headers", made)
        async with self.session.post(self.url + path, data=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def paid(self, invoice: str = "i-1") -> list[int]:
        found: list[int] = await self.app.ask(Paid(invoice=invoice), fresh=invoice)
        return found


@asynccontextmanager
async def served(store: str) -> AsyncGenerator[Gateway]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with system.connect(store=store) as app:
            edge: Any = HttpApp(system, app, max_body=10_000)
            server = uvicorn.Server(uvicorn.Config(edge, log_config=None, lifespan="off", ws="none"))
            ended = asyncio.create_task(server.serve([listener]))
            try:
                async with aiohttp.ClientSession() as session:
                    yield Gateway(session, f"http://127.0.0.1:{listener.getsockname()[1]}", app)
            finally:
                server.should_exit = True
                await ended


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", SECRET)


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"sqlite:{tmp_path}/{{context}}.db"


async def test_signed_request_is_stored_and_becomes_a_command(store: str) -> None:
    async with served(store) as gateway:
        assert await gateway.post(body_of("e-1", cents=120)) == (202, {"accepted": True})
        assert await gateway.paid() == [120]


async def test_repeated_request_is_answered_and_changes_nothing(store: str) -> None:
    async with served(store) as gateway:
        await gateway.post(body_of("e-1", cents=120))
        assert await gateway.paid() == [120]
    async with served(store) as gateway:
        assert await gateway.post(body_of("e-1", cents=120)) == (200, {"accepted": True, "repeated": True})
        assert await gateway.paid() == [120]


async def test_requests_that_are_not_accepted_leave_nothing_behind(store: str) -> None:
    body = body_of("e-1", cents=120)
    forged = {**signed(body, time.time()), "Stripe-Signature": f"t={time.time():.0f},v1={'0' * 64}"}
    async with served(store) as gateway:
        faults: list[dict[str, Any]] = [
            {"headers": forged}, {"headers": {}}, {"secret": "another"}, {"of": body + b" "}, {"late": -302},
            {"late": 302},
        ]  # fmt: skip
        for fault in faults:
            status, problem = await gateway.post(body, **fault)
            assert (status, problem["code"]) == (401, "webhook.signature"), fault
            assert SECRET not in str(problem)
        status, problem = await gateway.post(b"{")
        assert (status, problem["code"]) == (400, "http.malformed-json")
        assert problem["detail"].count("is not JSON") == 1
        status, problem = await gateway.post(body_of("e-2", "x" * 20_000))
        assert (status, problem["code"]) == (413, "http.too-large")
        status, problem = await gateway.post(body, "/-/hooks/payments/strip")
        assert (status, problem["code"]) == (404, "http.unknown-path")
        assert await gateway.paid() == []
        assert await gateway.app.stores["payments"].heads(Channel.PRIVATE) == {}


async def test_webhook_may_have_a_path_of_its_own(store: str) -> None:
    async with served(store) as gateway:
        assert (await gateway.post(body_of("e-1", cents=5), "/dated"))[0] == 202
        assert await gateway.paid() == [5]


async def test_store_that_is_away_is_no_acceptance(store: str) -> None:
    async with served(store) as gateway:
        await gateway.app.stores["payments"].close()
        assert (await gateway.post(body_of("e-1")))[0] == 503


async def test_edge_does_not_start_without_the_secret(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_SECRET")
    async with system.connect(store=store) as app:
        with pytest.raises(ModelError) as raised:
            HttpApp(system, app)
    assert {each.code for each in raised.value.findings} == {"webhook.secret"}


async def test_status_counts_what_was_ignored(store: str) -> None:
    async with served(store) as gateway:
        for number, sequence in enumerate([7, 3, 5, 8]):
            body = body_of(f"e-{number}", cents=number, sequence=sequence)
            assert (await gateway.post(body, "/-/hooks/payments/numbered"))[0] == 202
        assert await gateway.paid() == [0, 3]
        id = SubscriptionId("payments.foreign:numbered", "payments", Channel.PRIVATE)
        (row,) = await read_status([id], gateway.app.stores, time.time(), foreign=[id])
        assert (row.ignored, row.lag, row.parked) == (2, 0, 0)
        assert "2 messages were ignored, the last at" in row.note
        assert "'e-2' about 'i-1' came after a newer message: version 5, after 7" in row.note
