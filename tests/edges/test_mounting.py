"""The edge inside other frameworks: paths, places, bodies and the description fit the place of mounting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from starlette.applications import Starlette
from starlette.routing import Mount

from remit.edges.http import HttpApp
from tests.edges.shop import Application, call, edge


def in_fastapi(app: HttpApp) -> Application:
    outer = FastAPI()
    outer.mount("/api/shop", app)
    return outer


def in_starlette(app: HttpApp) -> Application:
    return Starlette(routes=[Mount("/api/shop", app=app)])


def in_litestar(app: HttpApp) -> Application:
    @asgi("/api/shop", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    outer: Any = Litestar([mounted])
    return outer  # type: ignore[no-any-return]  # its scopes are typed dictionaries


mounts = pytest.mark.parametrize("mount", [in_fastapi, in_starlette, in_litestar])


@mounts
async def test_requests_reach_the_routes(mount: Callable[[HttpApp], Application]) -> None:
    app, sender = edge("o-1")
    outer = mount(app)
    answer = await call(outer, "POST", "/api/shop/customers/7/orders", {"lines": []})
    assert (answer.status, answer.json) == (201, "o-1")
    assert sender.message.customer == 7


@mounts
async def test_an_encoded_slash_stays_in_its_place(mount: Callable[[HttpApp], Application]) -> None:
    app, sender = edge()
    answer = await call(mount(app), "DELETE", "/api/shop/orders/a/b", raw_path="/api/shop/orders/a%2Fb")
    assert answer.status == 200
    assert sender.message.order == "a/b"


@mounts
async def test_the_description_names_the_place_of_mounting(mount: Callable[[HttpApp], Application]) -> None:
    answer = await call(mount(edge()[0]), "GET", "/api/shop/openapi.json")
    assert answer.json["servers"] == [{"url": "/api/shop"}]


@mounts
async def test_problems_come_through(mount: Callable[[HttpApp], Application]) -> None:
    answer = await call(mount(edge()[0]), "GET", "/api/shop/nowhere")
    assert (answer.status, answer.json["where"]) == (404, "/nowhere")


async def test_a_root_path_that_is_not_in_the_path() -> None:
    app, sender = edge()

    async def behind_proxy(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": "/prefix"}, receive, send)

    assert (await call(behind_proxy, "PUT", "/orders/o-1/touched")).status == 200
    assert sender.message.order == "o-1"
    assert (await call(behind_proxy, "GET", "/openapi.json")).json["servers"] == [{"url": "/prefix"}]
