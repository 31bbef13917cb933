"""What is no reply is a problem: the right status, a stable code, the place, and what to do next."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from remit import Query, System, errors, field
from remit.contexts import Context
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.edges.http import request as requests
from remit.edges.http.problems import KINDS, problem_of
from remit.errors import TooLarge
from remit.messages import Command
from tests.edges.shop import Closed, LimitExceeded, Recorder, call, edge
from tests.runtime.talk import virtually

ORDERS = "/customers/7/orders"


class Unprintable:
    pass


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer", "expected"),
    [
        (b"{", 400, "http.malformed-json", None, None),
        (b"\xff\xfe", 400, "http.malformed-json", None, None),
        (b'{"lines":[], "note":"\xff"}', 400, "http.malformed-json", None, None),
        (b'{"lines":[]} {}', 400, "http.malformed-json", None, None),
        (b"[" * 100_000, 422, "http.invalid-message", None, "object"),
        (b"", 422, "http.invalid-message", "/lines", None),
        (b"[]", 422, "http.invalid-message", None, "object"),
        (b"{}", 422, "http.invalid-message", "/lines", None),
        (b'{"lines":7}', 422, "http.invalid-message", "/lines", "array"),
        (b'{"lines":[{"article":"tea","amount":"2"}]}', 422, "http.invalid-message", "/lines/0/amount", "int"),
        (b'{"lines":[{"article":"tea"}]}', 422, "http.invalid-message", "/lines/0/amount", None),
        (b'{"lines":[{"article":"tea","amount":1,"x":1}]}', 422, "http.invalid-message", "/lines/0/x", None),
        (b'{"lines":[],"extra":1}', 422, "http.invalid-message", "/extra", None),
        (b'{"lines":[],"customer":8}', 422, "http.invalid-message", "/customer", None),
    ],
)
async def test_a_body_that_is_not_the_message(
    body: bytes, status: int, code: str, pointer: str | None, expected: str | None
) -> None:
    app, sender = edge()
    answer = await call(app, "POST", ORDERS, body)
    problem = answer.json
    assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:remit:problem:{code}"
    assert (problem.get("pointer"), problem.get("expected")) == (pointer, expected)
    assert problem["where"] == "body"
    assert problem["title"]
    assert problem["detail"]
    assert problem["next"]
    assert not sender.calls


@pytest.mark.parametrize("value", [{"a": 1, "b": "2"}])
async def test_a_pointer_ends_where_the_key_is_not_known(value: Any) -> None:
    app, _ = edge()
    answer = await call(app, "POST", "/import", {"rows": [value]})
    assert (answer.status, answer.json["pointer"]) == (422, "/rows/0")


@pytest.mark.parametrize(
    ("method", "path", "status", "where", "pointer"),
    [
        ("GET", "/customers/seven/orders", 422, "path", "/customer"),
        ("POST", "/customers/seven/orders", 422, "path", "/customer"),
        ("GET", "/customers/7/orders?limit=many", 422, "query string", "/limit"),
        ("GET", "/customers/7/orders?limit=1&limit=2", 422, "query string", "/limit"),
        ("GET", "/customers/7/orders?colour=red", 422, "query string", "/colour"),
        ("GET", "/customers/7/orders?customer=8", 422, "query string", "/customer"),
        ("GET", "/customers/7/orders?fresh=true&fresh=false", 422, "query string", "/fresh"),
        ("GET", "/customers/7/orders?fresh_key=a&fresh_key=b", 422, "query string", "/fresh_key"),
        ("GET", "/customers/7/orders?fresh=perhaps", 422, "query string", "/fresh"),
        ("DELETE", "/orders/o-1?fresh=true", 422, "query string", "/fresh"),
        ("POST", "/customers/7/orders?note=x", 422, "query string", "/note"),
        ("GET", "/customers/7/orders?since=%FF", 400, "query string", None),
        ("GET", "/customers/7/orders?" + "a=1&" * 2000, 400, "query string", None),
    ],
)
async def test_a_path_or_query_string_that_is_not_the_message(
    method: str, path: str, status: int, where: str, pointer: str | None
) -> None:
    app, sender = edge()
    answer = await call(app, method, path, {"lines": []} if method == "POST" else b"")
    assert (answer.status, answer.json["where"], answer.json.get("pointer")) == (status, where, pointer)
    assert not sender.calls


@pytest.mark.parametrize(
    "path", ["/orders/%FF/touched", "/orders/%FE/touched", "/orders/%ED%A0%80/touched", "/orders/%C3%28%2Fx/touched"]
)
async def test_a_path_that_is_no_utf8_names_nothing(path: str) -> None:
    """A server has made the same character of all bytes that are none: two clients would mean one order."""
    app, sender = edge()
    answer = await call(app, "PUT", unquote(path), raw_path=path)
    assert (answer.status, answer.json["code"]) == (400, "http.malformed-path")
    assert answer.json["next"]
    assert not sender.calls


async def test_the_replacement_character_itself_may_stand_in_a_path() -> None:
    app, sender = edge()
    assert (await call(app, "PUT", "/orders/\ufffd/touched", raw_path="/orders/%EF%BF%BD/touched")).status == 200
    assert sender.message.order == "\ufffd"


@pytest.mark.parametrize("name", ["Idempotency-Key", "Request-Timeout", "remit-timeout-ms", "Authorization"])
async def test_a_header_that_says_one_thing_is_given_once(name: str) -> None:
    app, sender = edge()
    answer = await call(app, "PUT", "/orders/o-1/touched", more=[(name, "1"), (name, "2")])
    assert (answer.status, answer.json["code"]) == (400, "http.malformed-header")
    assert name.lower() in answer.json["where"].lower()
    assert not sender.calls


async def test_headers_of_others_may_be_given_twice() -> None:
    app, _ = edge()
    twice = [("via", "a"), ("via", "b")]
    assert (await call(app, "PUT", "/orders/o-1/touched", more=twice)).status == 200


async def test_an_unknown_path_names_the_nearest_route() -> None:
    app, _ = edge()
    answer = await call(app, "GET", "/customer/7/order")
    assert (answer.status, answer.json["code"]) == (404, "http.unknown-path")
    assert "/customers/{customer}/orders" in answer.json["next"]


@pytest.mark.parametrize("path", ["/customers", "/customers//orders", "/customers/7/orders/", "/orders/a/b/c"])
async def test_a_path_matches_as_a_whole(path: str) -> None:
    app, _ = edge()
    assert (await call(app, "GET", path)).status == 404


@pytest.mark.parametrize(
    ("path", "allow"), [(ORDERS, "GET, HEAD, POST"), ("/orders/o-1", "DELETE"), ("/docs", "GET, HEAD")]
)
async def test_a_wrong_method_says_which_are_allowed(path: str, allow: str) -> None:
    app, _ = edge()
    answer = await call(app, "PATCH", path)
    assert (answer.status, answer.json["code"], answer.headers["allow"]) == (405, "http.wrong-method", allow)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": ""},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/json"},
        {"content-encoding": "gzip"},
    ],
)
async def test_only_json_is_read(headers: dict[str, str]) -> None:
    app, sender = edge()
    answer = await call(app, "POST", ORDERS, {"lines": []}, headers=headers)
    assert (answer.status, answer.json["code"]) == (415, "http.media-type")
    assert not sender.calls


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.shop+json"])
async def test_json_has_several_names(kind: str) -> None:
    app, _ = edge()
    assert (await call(app, "POST", ORDERS, {"lines": []}, headers={"content-type": kind})).status == 201


@pytest.mark.parametrize("headers", [{"content-length": "1601"}, {"content-length": "101", "expect": "100-continue"}])
async def test_a_large_body_is_refused_before_it_is_read(headers: dict[str, str]) -> None:
    app, sender = edge(max_body=100)
    answer = await call(app, "POST", ORDERS, parts=[], headers=headers)
    assert (answer.status, answer.json["code"], answer.json["expected"]) == (413, "http.too-large", "at most 100 bytes")
    assert not sender.calls


@pytest.mark.parametrize(("declared", "left"), [("101", 0), ("1600", 0), ("1601", 30), ("9" * 5000, 30)])
async def test_a_body_that_is_declared_too_large_is_refused_before_it_is_read(declared: str, left: int) -> None:
    """The answer comes at once. What follows is thrown away, as long as that is little."""
    app, sender = edge(max_body=100)
    parts, events = [b"x" * 50] * 30, list[str]()
    answer = await call(app, "POST", ORDERS, parts=parts, headers={"content-length": declared}, events=events)
    assert (answer.status, answer.json["code"]) == (413, "http.too-large")
    assert events[:2] == ["http.response.start", "http.response.body"]
    assert (len(parts), sender.calls) == (left, [])


async def test_who_keeps_sending_does_not_keep_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_DRAIN_SECONDS", 0.05)
    app, _ = edge(max_body=100)
    answer = await call(app, "POST", ORDERS, parts=[], headers={"content-length": "200"}, hangs=True)
    assert answer.status == 413


@pytest.mark.parametrize(("sent", "left"), [(2, 0), (16, 0), (1000, 1000 - 27)])
async def test_a_large_body_is_thrown_away_so_that_the_client_sees_the_answer(sent: int, left: int) -> None:
    app, sender = edge(max_body=100)
    parts = [b"x" * 60] * sent
    assert (await call(app, "POST", ORDERS, parts=parts)).status == 413
    assert len(parts) == left
    assert not sender.calls


async def test_a_body_as_large_as_the_limit_is_read() -> None:
    app, _ = edge(max_body=100)
    exact = b'{"lines":[],"note":"' + b"x" * (100 - 22) + b'"}'
    assert len(exact) == 100
    assert (await call(app, "POST", ORDERS, exact)).status == 201


async def test_get_and_delete_take_no_body() -> None:
    app, sender = edge()
    for method, path in (("GET", ORDERS), ("DELETE", "/orders/o-1")):
        answer = await call(app, method, path, {"because": "late"})
        assert (answer.status, answer.json["code"]) == (400, "http.unexpected-body")
    assert not sender.calls


async def test_a_client_that_leaves_is_not_answered() -> None:
    app, sender = edge()
    assert (await call(app, "POST", ORDERS, parts=[])).status == 0
    assert not sender.calls


async def test_a_body_that_does_not_end_is_given_up_at_the_deadline() -> None:
    app, sender = edge()
    answers: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        answers.append(message)

    headers = [(b"request-timeout", b"0.01")]
    scope = {"type": "http", "method": "POST", "path": "/import", "headers": headers, "query_string": b""}
    await app(scope, never, send)
    assert answers[0]["status"] == 408
    assert not sender.calls


@pytest.mark.parametrize(
    "headers",
    [
        {"idempotency-key": '""'},
        {"idempotency-key": '"a", "b"'},
        {"idempotency-key": "x" * 256},
        {"idempotency-key": "a\tb"},
        {"idempotency-key": "é"},
        {"request-timeout": "soon"},
        {"request-timeout": "nan"},
        {"remit-timeout-ms": "1s"},
    ],
)
async def test_a_header_that_cannot_be_read(headers: dict[str, str]) -> None:
    app, sender = edge()
    answer = await call(app, "PUT", "/orders/o-1/touched", headers=headers)
    assert (answer.status, answer.json["code"]) == (400, "http.malformed-header")
    assert answer.json["where"].lower() == f"header {next(iter(headers))}"
    assert not sender.calls


@pytest.mark.parametrize("given", ["0", "-3"])
async def test_a_deadline_in_the_past_sends_nothing(given: str) -> None:
    app, sender = edge()
    answer = await call(app, "PUT", "/orders/o-1/touched", headers={"remit-timeout-ms": given})
    assert (answer.status, answer.json["code"]) == (504, "call.deadline")
    assert not sender.calls


async def test_a_refusal_has_the_status_of_the_route_and_its_fields() -> None:
    app, _ = edge(LimitExceeded(limit=1000))
    answer = await call(app, "POST", ORDERS, {"lines": []})
    assert answer.status == 402
    assert answer.json == {
        "type": "urn:remit:refusal:LimitExceeded", "title": "LimitExceeded", "status": 402,
        "detail": "The customer may not owe that much.", "code": "call.refused", "where": "sales.PlaceOrder",
        "refusal": "LimitExceeded", "fields": {"limit": 1000},
    }  # fmt: skip


async def test_a_refusal_without_a_status_is_409() -> None:
    app, _ = edge(Closed(reason="inventory"))
    answer = await call(app, "POST", ORDERS, {"lines": []})
    assert (answer.status, answer.json["refusal"], answer.json["fields"]) == (409, "Closed", {"reason": "inventory"})
    assert (await call(app, "DELETE", "/orders/o-1")).status == 410


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (errors.Unavailable("secret"), 503, "1"),
        (errors.Overloaded("secret"), 503, "1"),
        (errors.StoreUnavailable("secret", where="secret"), 503, "2"),
        (errors.Stale("secret"), 503, None),
        (errors.HandlerFailed("secret"), 500, None),
        (errors.DeadlineExceeded("secret"), 504, None),
        (errors.OutcomeUnknown("secret"), 504, None),
    ],
)
async def test_what_goes_wrong_on_this_side_is_named_and_not_shown(
    error: errors.RemitError, status: int, retry: str | None
) -> None:
    app, _ = edge(error)
    answer = await call(app, "PUT", "/orders/o-1/touched")
    assert (answer.status, answer.json["code"]) == (status, error.code)
    assert answer.headers.get("retry-after") == retry
    assert b"secret" not in answer.body
    assert answer.json["next"]


@pytest.mark.parametrize(
    ("error", "status", "next"),
    [
        (errors.NotFound("no order 'o-1'", where="Order", expected="one that was put", next="use find()"), 404,
         "Check the identity in the request: nothing has it now"),
        (errors.AlreadyExists("there is an order 'o-1' already", where="Order", next="use find() or obtain()"), 409,
         "Read the existing one, or choose another identity"),
        (errors.KeyReused("the key 'k' was used before", expected="a new key", next="repeat the first message"), 422,
         "Use a new key for a new request"),
        (errors.BadKey("the identity is too long", next="use a digest"), 400,
         "Choose a text of at most 512 bytes, without NUL"),
        (errors.TooLarge("the writes have 9 MiB", next="raise max_payload of the broker"), 413,
         "Send less in one request"),
    ],
)  # fmt: skip
async def test_what_the_caller_can_change_is_said_to_the_client_and_not_to_the_developer(
    error: errors.RemitError, status: int, next: str
) -> None:
    app, _ = edge(error)
    problem = (await call(app, "PUT", "/orders/o-1/touched")).json
    assert (problem["status"], problem["code"], problem["detail"]) == (status, error.code, error.what)
    assert problem["next"] == next
    assert problem.get("expected") == ("a new key" if isinstance(error, errors.KeyReused) else None)


def test_every_problem_but_a_refusal_says_what_the_client_can_do() -> None:
    assert [code for code, kind in KINDS.items() if not kind.next] == ["call.refused"]


@pytest.mark.parametrize(
    "error",
    [RuntimeError("secret"), errors.StoreError("secret"), errors.BadMessage("secret"), errors.CallError("secret")],
)
async def test_anything_else_is_500_without_internals_and_in_the_log(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    app, _ = edge(error)
    with caplog.at_level(logging.ERROR, logger="remit.edges.http"):
        answer = await call(app, "PUT", "/orders/o-1/touched")
    assert (answer.status, answer.json["code"]) == (500, "http.internal")
    assert b"secret" not in answer.body
    assert "secret" in caplog.text


def test_a_service_that_is_away_is_one_line_a_minute_however_its_calls_fail(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        app, sender = edge()
        for number in range(40):
            sender.reply = errors.Unavailable(f"no answer within {number / 7:.3f} s", where="stock.write")
            assert (await call(app, "PUT", "/orders/o-1/touched")).status == 503
        (line,) = caplog.records
        assert line.getMessage() == "PUT '/orders/o-1/touched': call.unavailable no answer within 0.000 s"
        sender.reply = errors.Unavailable("refused", where="billing.write")
        await call(app, "PUT", "/orders/o-1/touched")
        assert len(caplog.records) == 2, "another service is said at once"

    virtually(story())


def test_a_failure_of_every_request_is_one_line_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    """A table that is missing fails all of them."""

    async def story() -> None:
        app, _ = edge(errors.StoreError("no such table: log"))
        for _ in range(1238):
            assert (await call(app, "PUT", "/orders/o-1/touched")).status == 500
        assert [record.getMessage() for record in caplog.records] == ["PUT '/orders/o-1/touched' failed"]
        assert caplog.records[0].exc_info is not None
        await asyncio.sleep(61)
        await call(app, "PUT", "/orders/o-2/touched")
        again = "PUT '/orders/o-2/touched' failed, and 1237 more since it was last logged"
        assert caplog.records[1].getMessage() == again
        other, _ = edge(errors.StoreUnavailable("busy"))
        await call(other, "PUT", "/orders/o-1/touched")
        assert len(caplog.records) == 3, "another failure is said at once"

    virtually(story())


async def test_a_reply_that_cannot_be_encoded_is_500(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = edge(Unprintable())
    assert (await call(app, "PUT", "/orders/o-1/touched")).status == 500
    assert "Unprintable" in caplog.text


class Even(Command[None]):
    number: int
    half: int

    def __post_init__(self) -> None:
        if self.number != 2 * self.half:
            raise ValueError("half is not half of number")


class Keep(Command[None]):
    anything: Any


def numbers() -> HttpApp:
    numbers = Context[Any]("numbers")
    numbers_edge = HttpEdge(numbers)
    numbers_edge.post("/even/{number}", Even)
    numbers_edge.post("/even", Even)
    numbers_edge.post("/keep", Keep)
    return HttpApp(System("numbers", contexts=[numbers], edges=[numbers_edge]), Recorder())


@pytest.mark.parametrize(("path", "body"), [("/even/5", {"half": 2}), ("/even", {"number": 5, "half": 2})])
async def test_a_messages_own_check_is_a_problem_of_the_client(path: str, body: Any) -> None:
    answer = await call(numbers(), "POST", path, body)
    assert (answer.status, answer.json["detail"]) == (422, "half is not half of number")


async def test_a_body_may_not_be_nested_without_end() -> None:
    answer = await call(numbers(), "POST", "/keep", b'{"anything":' + b"[" * 100_000)
    assert (answer.status, answer.json["code"]) == (400, "http.malformed-json")


class Price(Query[float]):
    factor: float


class Scale(Command[None]):
    factor: float
    note: str = ""


class Scaled(Command[None]):
    factor: float
    note: str = ""


async def test_what_no_body_could_say_is_no_value_in_a_path_or_query_string_either() -> None:
    sent: list[object] = []
    context = Context("shop")

    context_edge = HttpEdge(context)
    context_edge.get("/price", Price)
    context_edge.delete("/scales/{factor}", Scale)
    context_edge.post("/factors/{factor}", Scaled)

    @context.answer(Price)
    async def price(query: Price) -> float:
        sent.append(query)
        return 1.0

    @context.handle(Scale)
    async def scale(command: Scale) -> None:
        sent.append(command)

    @context.handle(Scaled)
    async def scaled(command: Scaled) -> None:
        sent.append(command)

    system = System("s", contexts=[context], edges=[context_edge])
    async with system.connect(store="memory:") as app:
        edge = HttpApp(system, app)
        for text in ("inf", "-inf", "nan"):
            for method, path in (("GET", f"/price?factor={text}"), ("DELETE", f"/scales/{text}")):
                answer = await call(edge, method, path)
                assert (answer.status, answer.json["code"]) == (422, "http.invalid-message")
            answer = await call(edge, "POST", f"/factors/{text}", {"note": "n"})
            assert (answer.status, answer.json["code"]) == (422, "http.invalid-message")
    assert sent == []


@dataclass
class Money:
    amount: int


class Bid(Command[int]):
    lot: str
    bidder: str
    more: list[Money] = field(default_factory=list[Money])


class Bids(Query[int]):
    lot: str
    bidder: str = ""


async def test_field_that_is_typed_wrong_is_answered_with_the_one_that_was_meant() -> None:
    context = Context("shop")
    context_edge = HttpEdge(context)
    context_edge.post("/lots/{lot}/bids", Bid)
    context_edge.get("/lots/{lot}/bids", Bids)

    @context.handle(Bid)
    async def bid(command: Bid) -> int:
        return 1

    @context.answer(Bids)
    async def bids(query: Bids) -> int:
        return 1

    system = System("s", contexts=[context], edges=[context_edge])
    async with system.connect(store="memory:") as app:
        edge = HttpApp(system, app)
        for body, pointer, next in [
            ({"biddr": "ada"}, "/biddr", "Did you mean bidder?"),
            ({"bidder": "ada", "more": [{"amuont": 1}]}, "/more/0/amuont", "Did you mean amount?"),
            ({"bidder": "ada", "x": 1}, "/x", KINDS["http.invalid-message"].next),
        ]:
            answer = await call(edge, "POST", "/lots/l/bids", body)
            assert (answer.status, answer.json["pointer"], answer.json["next"]) == (422, pointer, next)
        for query, next in [("biddr=ada", "Did you mean bidder?"), ("lots=l", KINDS["http.invalid-message"].next)]:
            answer = await call(edge, "GET", f"/lots/l/bids?{query}")
            assert (answer.status, answer.json["next"]) == (422, next)


class Pay(Command[int]):
    money: Money
    more: list[Money] = field(default_factory=list[Money])


async def test_an_unknown_field_of_a_dataclass_is_refused_as_one_of_the_message_is() -> None:
    context = Context("shop")
    context_edge = HttpEdge(context)
    context_edge.post("/payments", Pay)

    @context.handle(Pay)
    async def pay(command: Pay) -> int:
        return command.money.amount

    system = System("s", contexts=[context], edges=[context_edge])
    async with system.connect(store="memory:") as app:
        edge = HttpApp(system, app)
        assert (await call(edge, "POST", "/payments", {"money": {"amount": 1}})).status == 200
        for body in ({"money": {"amount": 1, "x": 1}}, {"money": {"amount": 1}, "more": [{"amount": 1, "x": 1}]}):
            answer = await call(edge, "POST", "/payments", body)
            assert (answer.status, answer.json["code"]) == (422, "http.invalid-message")
            assert "unknown field" in answer.json["detail"]


async def test_a_unit_that_is_too_large_tells_clients_nothing_of_the_store() -> None:
    raised = problem_of(TooLarge("a unit of work writes 17 MiB", where="/var/lib/shop/sales.db"))
    assert (raised.problem.status, raised.problem.where) == (413, "")


def test_a_cursor_of_another_query_is_the_clients_mistake() -> None:
    problem = problem_of(errors.BadCursor("this is no cursor", where="parcels.OpenParcel")).problem
    assert (problem.status, problem.code, problem.detail) == (400, "view.bad-cursor", "this is no cursor")
