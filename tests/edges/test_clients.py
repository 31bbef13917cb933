"""An idempotency key is its client's own: no other's request is taken for a repetition, and nobody sees its reply."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from remit import Aggregate, Command, Context, Query, Repository, Sender, System
from remit.contexts import ClientOf
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.errors import KeyReused
from tests.edges.shop import Answered, call, edge

ANN = {"authorization": "Bearer secret-of-ann"}
BOB = {"authorization": "Bearer secret-of-bob"}


class Draw(Command[int]):
    """Takes the next ticket of a roll."""

    roll: str


class Drawn(Query[int]):
    roll: str


class Roll(Aggregate[str]):
    drawn: int = 0


fair = Context("fair")


@fair.handle(Draw)
async def draw(command: Draw, rolls: Repository[Roll]) -> int:
    roll = await rolls.obtain(command.roll)
    roll.drawn += 1
    return roll.drawn


@fair.answer(Drawn)
async def drawn(query: Drawn, rolls: Repository[Roll]) -> int:
    return (await rolls.get(query.roll)).drawn


fair_edge = HttpEdge(fair)
fair_edge.post("/rolls/{roll}", Draw)


def by_name(scope: Mapping[str, Any]) -> str | None:
    """As a gateway says that knows who it is."""
    name: bytes | None = dict(scope["headers"]).get(b"x-user")
    return None if name is None else name.decode()


@asynccontextmanager
async def serving(client_of: ClientOf | None = None) -> AsyncGenerator[tuple[HttpApp, Sender]]:
    system = System("fair", contexts=[fair], edges=[fair_edge], client_of=client_of)
    async with system.connect(store="memory:") as sender:
        yield HttpApp(system, sender), sender


async def post(app: HttpApp, who: Mapping[str, str], key: str = "k", roll: str = "r") -> Answered:
    return await call(app, "POST", f"/rolls/{roll}", {}, headers={**who, "idempotency-key": key})


async def test_two_clients_with_one_key_are_two_wishes() -> None:
    async with serving() as (app, _):
        assert [(await post(app, who)).json for who in (ANN, BOB, ANN, BOB)] == [1, 2, 1, 2]


async def test_nobody_is_shown_another_clients_reply_or_kept_from_the_key() -> None:
    async with serving() as (app, _):
        await post(app, ANN, roll="of ann")
        answer = await post(app, BOB, roll="of bob")
        assert (answer.status, answer.json) == (200, 1), "not 422, because the key is used for another message"
        assert (await post(app, {}, roll="of nobody")).status == 200


async def test_one_client_may_not_use_a_key_for_two_messages() -> None:
    async with serving() as (app, _):
        await post(app, ANN)
        answer = await post(app, ANN, roll="another")
        assert (answer.status, answer.json["code"]) == (422, KeyReused.code)


async def test_keys_of_http_and_of_this_process_do_not_meet() -> None:
    async with serving() as (app, sender):
        assert (await post(app, {})).json == 1
        assert await sender.send(Draw(roll="r"), key="k") == 2
        assert (await post(app, {})).json == 1
        assert await sender.send(Draw(roll="r"), key="k") == 2


async def test_clients_without_credentials_share_their_keys() -> None:
    async with serving() as (app, _):
        assert [(await post(app, who)).json for who in ({}, {"x-user": "ann"}, {"authorization": " "})] == [1, 1, 1]


async def test_a_system_may_say_who_its_clients_are() -> None:
    """Then a new token is no new client, and the same token not the same one."""
    async with serving(by_name) as (app, _):
        ann, bob = {"x-user": "ann"}, {"x-user": "bob"}
        assert (await post(app, ann | ANN)).json == 1
        assert (await post(app, ann | BOB)).json == 1
        assert (await post(app, bob | BOB)).json == 2
        assert (await post(app, BOB)).json == 3, "of whom nothing is said"
        assert (await post(app, ANN)).json == 3


async def test_what_an_edge_is_given_holds_in_place_of_what_the_system_says() -> None:
    system = System("fair", contexts=[fair], edges=[fair_edge], client_of=lambda _: "everybody")
    async with system.connect(store="memory:") as sender:
        app = HttpApp(system, sender, client_of=by_name)
        assert [(await post(app, {"x-user": name})).json for name in ("ann", "bob")] == [1, 2]


@pytest.mark.parametrize("who", [ANN, {"x-user": "ann"}])
async def test_neither_credentials_nor_names_go_further_than_the_edge(who: dict[str, str]) -> None:
    app, sender = edge(client_of=by_name if "x-user" in who else None)
    await call(app, "PUT", "/orders/o-1/touched", headers={**who, "idempotency-key": "k"})
    caller = sender.options["caller"]
    assert (caller[:5], len(caller)) == ("http:", 5 + 32)
    assert "ann" not in caller


async def test_a_name_and_a_header_of_the_same_text_are_not_the_same_client() -> None:
    callers: set[str] = set()
    told: tuple[ClientOf | None, ...] = (None, lambda _: "ann")
    for client_of in told:
        app, sender = edge(client_of=client_of)
        await call(app, "PUT", "/orders/o-1/touched", headers={"authorization": "ann", "idempotency-key": "k"})
        callers.add(sender.options["caller"])
    assert len(callers) == 2


async def test_the_hosted_part_of_a_system_knows_its_clients_too() -> None:
    assert System("fair", contexts=[fair], edges=[fair_edge], client_of=by_name).hosting(["fair"]).client_of is by_name
