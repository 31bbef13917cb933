"""The answer to a command says at which position it has written, and a query that brings this waits for it."""

from __future__ import annotations

from typing import Any

from remit.edges.http import HttpApp
from tests.edges.school import school
from tests.edges.shop import call
from tests.runtime.talk import on_virtual_time


async def enrolled(app: Any) -> Any:
    return await call(app, "POST", "/students/ada/places", headers={"remit-position": "new"})


async def asked(app: Any, position: str) -> Any:
    return await call(app, "GET", "/students/ada/places", headers={"remit-position": position})


@on_virtual_time
async def test_a_query_with_the_position_of_a_command_sees_what_it_wrote() -> None:
    system = school()
    async with system.connect(store="memory:") as sender:
        app = HttpApp(system, sender)
        for number in range(1, 4):
            answer = await enrolled(app)
            assert answer.status == 204
            assert (await asked(app, answer.headers["remit-position"])).json == number


@on_virtual_time
async def test_a_position_that_is_none_is_a_problem_with_a_code() -> None:
    system = school()
    async with system.connect(store="memory:") as sender:
        answer = await asked(HttpApp(system, sender), "made-up")
        assert (answer.status, answer.json["code"]) == (400, "position.invalid")


async def test_an_answer_to_a_command_of_an_unknown_sender_has_no_position() -> None:
    class Deaf:
        async def send(self, command: Any, /, **options: Any) -> None: ...

    sender: Any = Deaf()
    answer = await enrolled(HttpApp(school(), sender))
    assert "remit-position" not in answer.headers


@on_virtual_time
async def test_a_command_whose_request_does_not_ask_for_it_has_no_position() -> None:
    system = school()
    async with system.connect(store="memory:") as sender:
        answer = await call(HttpApp(system, sender), "POST", "/students/ada/places")
        assert "remit-position" not in answer.headers
