"""From a socket to a store and back: a real server, a real runtime."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NewType

import uvicorn

from remit import Aggregate, Command, Context, DomainEvent, Query, Refusal, Repository, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp

AccountId = NewType("AccountId", str)


class Overdrawn(Refusal):
    balance: int


class Deposit(Command[int]):
    account: AccountId
    amount: int


class Withdraw(Command[int, Overdrawn]):
    account: AccountId
    amount: int


class Balance(Query[int]):
    account: AccountId


class Moved(DomainEvent):
    account: AccountId
    amount: int


class Account(Aggregate[AccountId, Moved]):
    balance: int = 0

    def move(self, amount: int) -> None:
        if self.balance + amount < 0:
            raise Overdrawn(balance=self.balance)
        self.balance += amount
        self.record(Moved(account=self.id, amount=amount))


bank = Context("bank")


@bank.handle(Deposit)
async def deposit(command: Deposit, accounts: Repository[Account]) -> int:
    account = await accounts.obtain(command.account)
    account.move(command.amount)
    return account.balance


@bank.handle(Withdraw)
async def withdraw(command: Withdraw, accounts: Repository[Account]) -> int:
    account = await accounts.get(command.account)
    account.move(-command.amount)
    return account.balance


@bank.answer(Balance)
async def balance(query: Balance, accounts: Repository[Account]) -> int:
    return (await accounts.get(query.account)).balance


bank_edge = HttpEdge(bank)
bank_edge.post("/accounts/{account}/deposits", Deposit, status=201)
bank_edge.post("/accounts/{account}/withdrawals", Withdraw, refusals={Overdrawn: 402})
bank_edge.get("/accounts/{account}", Balance)
system = System("bank", contexts=[bank], edges=[bank_edge])


@asynccontextmanager
async def serving() -> AsyncGenerator[int, None]:
    """The bank behind a socket that listens already; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with system.connect(store="memory:") as sender:
            edge: Any = HttpApp(system, sender)
            server = uvicorn.Server(uvicorn.Config(edge, log_config=None, lifespan="on", ws="none"))
            ended = asyncio.create_task(server.serve([listener]))
            try:
                yield listener.getsockname()[1]
            finally:
                server.should_exit = True
                await ended


async def exchange(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """One request over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: bank", "Connection: close", f"Content-Length: {len(sent)}"]
    lines += ["Content-Type: application/json", *(f"{name.replace('_', '-')}: {v}" for name, v in headers.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + sent)
    await writer.drain()
    head, _, answer = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return int(head.split()[1]), json.loads(answer)


async def test_commands_and_queries_over_a_socket() -> None:
    async with serving() as port:
        assert await exchange(port, "POST", "/accounts/ada/deposits", {"amount": 5}) == (201, 5)
        assert await exchange(port, "POST", "/accounts/ada/withdrawals", {"amount": 2}) == (200, 3)
        assert await exchange(port, "GET", "/accounts/ada?fresh=true") == (200, 3)


async def test_refusals_and_mistakes_over_a_socket() -> None:
    async with serving() as port:
        await exchange(port, "POST", "/accounts/ada/deposits", {"amount": 5})
        status, refusal = await exchange(port, "POST", "/accounts/ada/withdrawals", {"amount": 9})
        assert (status, refusal["refusal"], refusal["fields"]) == (402, "Overdrawn", {"balance": 5})
        status, problem = await exchange(port, "GET", "/accounts/eve")
        assert (status, problem["code"]) == (404, "state.not-found")
        status, problem = await exchange(port, "POST", "/accounts/ada/deposits", b'{"amount":')
        assert (status, problem["code"]) == (400, "http.malformed-json")
        status, problem = await exchange(port, "POST", "/accounts/ada/deposits", b"x" * 2_000_000)
        assert (status, problem["code"]) == (413, "http.too-large")
        assert await exchange(port, "GET", "/accounts/ada") == (200, 5)


async def test_a_repeated_key_applies_once_over_a_socket() -> None:
    async with serving() as port:
        key = {"Idempotency_Key": "k-1"}
        for _ in range(3):
            assert await exchange(port, "POST", "/accounts/ada/deposits", {"amount": 5}, **key) == (201, 5)
        status, problem = await exchange(port, "POST", "/accounts/ada/deposits", {"amount": 6}, **key)
        assert (status, problem["code"]) == (422, "call.key-reused")
        assert await exchange(port, "GET", "/accounts/ada") == (200, 5)
