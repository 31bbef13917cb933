"""A value of every type comes in and goes out over HTTP as it is, and what is none is the client's or ours to mend."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from remit import Command, Context, Query, System
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.edges.http.reading import arrives_as
from remit.errors import BadValue
from remit.messages import Codec
from tests.edges.shop import Answered, Recorder, call
from tests.values.kinds import EXAMPLES, NEVERTHELESS, TYPES, same, strangers, values
from tests.values.places import made

few = settings(max_examples=2 * EXAMPLES, phases=[Phase.generate], suppress_health_check=NEVERTHELESS)


class Door:
    """The routes of a type: in a body, in the query string and in the path, where a text can say it."""

    def __init__(self, number: int, type: Any, declared: HttpEdge) -> None:
        self.type, self.codec, self.at = type, Codec[Any](type), f"/{number}"
        self.post = made(f"Post{number}", Command[type], {"v": type})
        declared.post(f"{self.at}/body", self.post)
        declared.get(f"{self.at}/answer", made(f"Answer{number}", Query[type], {}))
        self.in_text = arrives_as(type) == "text"
        if self.in_text:
            declared.get(f"{self.at}/query", made(f"Ask{number}", Query[type], {"v": type}))
            declared.get(f"{self.at}/path/{{v}}", made(f"At{number}", Query[type], {"v": type}))

    def paths(self, value: Any) -> list[str]:
        """Where a value stands in the query string, and in the path; there it is not empty, and the client of the tests
        knows no question mark in it."""
        if not self.in_text:
            return []
        as_json = msgspec.json.decode(self.codec.encode(value))
        text = as_json if isinstance(as_json, str) else self.codec.encode(value).decode()
        said, place = quote(text, safe=""), bool(text) and "?" not in text
        return [f"{self.at}/query?v={said}", *([f"{self.at}/path/{said}"] if place else [])]


declared = HttpEdge("doors")
DOORS = [Door(number, type, declared) for number, type in enumerate(TYPES)]
recorder, loop = Recorder(), asyncio.Runner()
edge = HttpApp(System("s", contexts=[Context("doors")], edges=[declared]), recorder)
doors = pytest.mark.parametrize("door", DOORS, ids=[f"{door.at} {door.type}"[:50] for door in DOORS])


@pytest.fixture(autouse=True, scope="module")
def _() -> Iterator[None]:
    yield
    loop.close()


def request(method: str, path: str, body: bytes = b"", reply: Any = None) -> Answered:
    recorder.calls.clear()
    recorder.reply = reply
    raw, mark, query = path.partition("?")
    return loop.run(call(edge, method, unquote(raw) + mark + query, body, raw_path=raw))  # as servers do it


@doors
@few
@given(data=st.data())
def test_a_value_comes_in_and_goes_out_as_it_is(door: Door, data: st.DataObject) -> None:
    value = data.draw(values(door.type))
    answers = [request("POST", f"{door.at}/body", Codec[Any](door.post).write(door.post(v=value)), value)]
    assert same(recorder.message.v, value)
    for path in door.paths(value):
        answers.append(request("GET", path, reply=value))
        assert answers[-1].status == 200, answers[-1].body
        assert same(recorder.message.v, value)
    for answer in answers:
        assert same(door.codec.read(answer.body or b"null"), value)


@doors
@few
@given(data=st.data())
def test_what_is_no_value_is_told_whose_fault_it_is(
    door: Door, data: st.DataObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("remit"), "disabled", True)
    answer = request("GET", f"{door.at}/answer", reply=data.draw(strangers(door.type)))
    assert (answer.status, answer.json["code"]) == (500, BadValue.code)
    body = b'{"v":' + Codec[Any](Any).write(data.draw(values(Any))) + b"}"
    answer = request("POST", f"{door.at}/body", body, data.draw(values(door.type)))
    if answer.status in (200, 204):
        assert same(recorder.message, Codec[Any](door.post).decode(body))
    else:
        assert answer.status in (400, 422)
        assert recorder.calls == []
