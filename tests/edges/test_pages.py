"""Health, the OpenAPI document and the docs page."""

from __future__ import annotations

import asyncio
import re
from datetime import date
from html.parser import HTMLParser
from typing import Annotated, Any

import pytest
from msgspec import Meta
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from remit import errors
from remit.contexts import Context
from remit.edges import HttpEdge
from remit.edges.http import HttpApp
from remit.hosting import System
from remit.messages import Command, Query, Refusal, Value
from tests.edges.shop import Closed, LimitExceeded, Line, Recorder, Touch, call, edge, shop


async def openapi(app: HttpApp) -> Any:
    return (await call(app, "GET", "/openapi.json")).json


async def test_a_process_that_answers_is_alive() -> None:
    answer = await call(edge()[0], "GET", "/health/live")
    assert (answer.status, answer.json) == (200, {"live": True})


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_the_pages_about_the_routes_can_be_left_out(path: str) -> None:
    """Then nothing else tells strangers what there is."""
    app = edge([], docs=False)[0]
    assert (await call(app, "GET", path)).status == 404
    unknown = await call(app, "GET", "/customer/7/order")
    wrong = await call(app, "POST", "/customers/7/orders", {"lines": 1})
    assert (unknown.status, wrong.status) == (404, 422)
    assert "/docs" not in f"{unknown.body!r}{wrong.body!r}"
    assert "/customers/{customer}" not in unknown.json.get("next", "")
    assert (await call(app, "GET", "/customers/7/orders")).status == 200


@pytest.mark.parametrize("well", [True, False])
async def test_what_is_stuck_is_told_beside_readiness(well: bool) -> None:
    async def report() -> dict[str, Any]:
        return {"well": well}

    app = edge(status=report)[0]
    answer = await call(app, "GET", "/health/status")
    assert (answer.status, answer.json) == (200 if well else 503, {"well": well})
    assert (await call(app, "GET", "/health/ready")).status == 200


@pytest.mark.parametrize("ready", [True, False])
async def test_readiness_is_what_the_assembly_says(ready: bool) -> None:
    async def report() -> dict[str, Any]:
        return {"ready": ready, "lag": 3}

    answer = await call(edge(ready=report)[0], "GET", "/health/ready")
    assert (answer.status, answer.json) == (200 if ready else 503, {"ready": ready, "lag": 3})


async def test_readiness_without_a_check() -> None:
    assert (await call(edge()[0], "GET", "/health/ready")).status == 200


async def test_a_check_that_fails_or_hangs_is_not_ready() -> None:
    async def failing() -> dict[str, Any]:
        raise RuntimeError("secret")

    async def hanging() -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    for check in (failing, hanging):
        answer = await call(edge(ready=check, default_deadline=0.01)[0], "GET", "/health/ready")
        assert (answer.status, answer.json) == (503, {"ready": False})


async def test_the_description_is_valid_openapi() -> None:
    document = await openapi(edge()[0])
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"] == "3.1.0"
    assert set(document["paths"]) == {route.path for edge in shop().edges for route in edge.routes}


async def test_the_description_names_the_headers_of_answers() -> None:
    document = await openapi(edge()[0])
    OpenAPIV31SpecValidator(document).validate()
    place, headers = document["paths"]["/customers/{customer}/orders"], document["components"]["headers"]
    assert place["get"]["responses"]["200"]["headers"] == {"Age": {"$ref": "#/components/headers/Age"}}
    position = {"Remit-Position": {"$ref": "#/components/headers/Remit-Position"}}
    assert place["post"]["responses"]["201"]["headers"] == position
    late = document["components"]["responses"]["Problem503"]
    assert "`view.too-old`" in late["description"]
    assert late["headers"] == {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    assert {"Age", "Remit-Position", "Retry-After"} == set(headers)


async def test_the_description_of_a_command() -> None:
    document = await openapi(edge()[0])
    place = document["paths"]["/customers/{customer}/orders"]["post"]
    body = place["requestBody"]["content"]["application/json"]["schema"]
    assert place["operationId"] == "sales.PlaceOrder"
    assert place["summary"] == "Places an order."
    assert place["requestBody"]["required"] is True
    assert body == {"$ref": "#/components/schemas/PlaceOrderBody"}
    assert document["components"]["schemas"]["PlaceOrderBody"]["required"] == ["lines"]
    assert document["components"]["schemas"]["PlaceOrderBody"]["additionalProperties"] is False
    assert place["responses"]["201"]["content"]["application/json"]["schema"] == {"type": "string"}
    assert {"$ref": "#/components/parameters/Idempotency-Key"} in place["parameters"]
    assert place["parameters"][0] == {
        "name": "customer", "in": "path", "required": True, "schema": {"type": "integer"},
    }  # fmt: skip
    assert {"402", "409", "413", "415", "422", "503", "504"} <= set(place["responses"])


async def test_the_description_of_a_query() -> None:
    document = await openapi(edge()[0])
    orders = document["paths"]["/customers/{customer}/orders"]["get"]
    names = {p["name"]: p for p in orders["parameters"] if "name" in p}
    assert list(names) == ["customer", "since", "tags", "limit"]
    assert names["limit"] == {
        "name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "default": 20},
    }  # fmt: skip
    assert {"$ref": "#/components/parameters/Fresh"} in orders["parameters"]
    assert {"$ref": "#/components/parameters/Fresh-Key"} in orders["parameters"]
    assert "requestBody" not in orders
    items = orders["responses"]["200"]["content"]["application/json"]["schema"]
    assert items == {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}


@pytest.mark.parametrize(
    ("reply", "method", "path"),
    [
        (LimitExceeded(limit=3), "post", "/customers/{customer}/orders"),
        (Closed(reason="x"), "post", "/customers/{customer}/orders"),
        (Closed(reason="x"), "delete", "/orders/{order}"),
        (errors.Unavailable("x"), "post", "/customers/{customer}/orders"),
        (errors.OutcomeUnknown("x"), "delete", "/orders/{order}"),
        (errors.NotFound("x"), "delete", "/orders/{order}"),
        (errors.AlreadyExists("x"), "delete", "/orders/{order}"),
        (errors.AlreadyExists("x"), "post", "/customers/{customer}/orders"),
        (RuntimeError("x"), "delete", "/orders/{order}"),
        ("o-1", "post", "/customers/{customer}/orders"),
        ([Line(article="tea", amount=1)], "get", "/customers/{customer}/orders"),
        (None, "delete", "/orders/{order}"),
    ],
)
async def test_answers_are_as_described(reply: Any, method: str, path: str) -> None:
    app, _ = edge(reply)
    document = await openapi(app)
    body: Any = {"lines": []} if method == "post" else b""
    answer = await call(app, method.upper(), re.sub(r"\{.*?\}", "7", path), body)
    described = document["paths"][path][method]["responses"][str(answer.status)]
    if "$ref" in described:
        described = document["components"]["responses"][described["$ref"].rpartition("/")[2]]
    schema = described["content"][answer.headers["content-type"]]["schema"]
    OAS31Validator({**schema, "components": document["components"]}).validate(answer.json)


async def test_another_refusals_fields_do_not_fit_the_description() -> None:
    document = await openapi(edge()[0])
    described = document["paths"]["/orders/{order}"]["delete"]["responses"]["410"]
    schema = {**described["content"]["application/problem+json"]["schema"], "components": document["components"]}
    answer = await call(edge(Closed(reason="x"))[0], "DELETE", "/orders/7")
    validator = OAS31Validator(schema)
    assert validator.is_valid(answer.json)
    assert not validator.is_valid({**answer.json, "fields": {"limit": 3}})


class Twin:
    """Holds a record of the same name as one of the shop's."""

    class Line(Value):
        other: bool


class Twins(Query[Twin.Line]):
    pass


async def test_two_types_of_one_name_stay_apart_and_one_message_may_have_two_routes() -> None:
    system = shop()
    other = Context[Any]("other")
    other_edge = HttpEdge(other)
    other_edge.get("/twins", Twins)
    other_edge.put("/touch/{order}", Touch)
    other_edge.put("/touch/{order}/again", Touch)
    document = await openapi(
        HttpApp(System("shop", contexts=[*system.contexts, other], edges=[*system.edges, other_edge]), Recorder())
    )
    OpenAPIV31SpecValidator(document).validate()
    schemas = document["components"]["schemas"]
    assert sorted(list(s["properties"]) for n, s in schemas.items() if n.endswith("Line")) == [
        ["article", "amount"], ["other"],
    ]  # fmt: skip
    ids = [o["operationId"] for entry in document["paths"].values() for o in entry.values()]
    assert len(ids) == len(set(ids))


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.forms: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if found := given.get("id"):
            self.ids.add(found)
        self.links += [link for name in ("href", "src") if (link := given.get(name))]
        if tag == "form":
            self.forms.append(given)


async def test_the_docs_page_is_whole_and_needs_nothing_from_elsewhere() -> None:
    answer = await call(edge()[0], "GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = _Links()
    page.feed(answer.body.decode())
    routes = [route for edge in shop().edges for route in edge.routes]
    assert [(f["data-method"], f["data-path"]) for f in page.forms] != []
    assert {(f["data-method"], f["data-path"]) for f in page.forms} == {(r.method, r.path) for r in routes}
    assert {link[1:] for link in page.links if link.startswith("#")} <= page.ids
    assert {link for link in page.links if not link.startswith("#")} == {"openapi.json"}
    assert "<!--" not in answer.body.decode()


class Sharp(Query[int]):
    """Is 1 < 2 & "so on"? <script>alert(1)</script>"""

    text: str = '"><script>alert(2)</script>'


async def test_the_docs_page_shows_texts_as_texts() -> None:
    sharp = Context[Any]("sharp")
    sharp_edge = HttpEdge(sharp)
    sharp_edge.get("/sharp", Sharp)
    answer = await call(HttpApp(System("<b>", contexts=[sharp], edges=[sharp_edge]), Recorder()), "GET", "/docs")
    assert b"<script>alert" not in answer.body
    assert b"&lt;script&gt;alert(1)" in answer.body
    assert b"<title>&lt;b&gt;</title>" in answer.body


class Cut(Refusal):
    """The line of the source
    ends here. It says more.

    And more."""


class Long(Command[None, Cut]):
    """Does what takes more than one line to
    say, e.g. this. Then it does more.

    - a list
    - of two
    """


async def test_a_docstring_is_told_by_sentences_and_not_by_lines_of_the_source() -> None:
    desk, long = Context("desk"), HttpEdge("desk")
    long.post("/long", Long)

    @desk.handle(Long)
    async def refuse(command: Long) -> None:
        raise Cut

    recorder = Recorder()
    recorder.reply = Cut()
    app = HttpApp(System("long", contexts=[desk], edges=[long]), recorder)
    operation = (await openapi(app))["paths"]["/long"]["post"]
    assert operation["summary"] == "Does what takes more than one line to say, e.g. this."
    assert operation["description"] == f"{operation['summary']} Then it does more.\n\n- a list\n- of two"
    assert (await call(app, "POST", "/long", b"{}")).json["detail"] == "The line of the source ends here. It says more."


class Full(Refusal):
    pass


class Wordy(Query[int, Full]):
    """How many there are.

    Counted anew each time.
    """


async def test_the_docs_page_says_nothing_twice() -> None:
    wordy = Context[Any]("wordy")
    wordy_edge = HttpEdge(wordy)
    wordy_edge.get("/wordy", Wordy)
    answer = await call(HttpApp(System("words", contexts=[wordy], edges=[wordy_edge]), Recorder()), "GET", "/docs")
    routes = answer.body.decode().partition('<h2 id="schemas">')[0]
    assert routes.count("How many there are.") == 1
    assert routes.count("Counted anew each time.") == 1
    assert re.sub("<.*?>", "", routes).count("Full") == 1


class Shelf(Value):
    """Where things lie."""

    height: Annotated[int, Meta(ge=1, le=9, description="In boards.")]
    books: dict[str, list[date]] = {}  # noqa: RUF012  # msgspec copies an empty mapping for each value
    owner: str | None = None


class Shelves(Query[list[Shelf]]):
    """All of them."""


async def test_the_docs_page_shows_schemas_as_tables_of_fields() -> None:
    edge = HttpEdge("rooms")
    edge.get("/shelves", Shelves)
    served = HttpApp(System("house", contexts=[Context[Any]("rooms")], edges=[edge]), Recorder())
    page = (await call(served, "GET", "/docs")).body.decode()
    table = page.partition('id="schema-Shelf"')[2].partition("<details>")[0]
    rows = [re.sub("<.*?>", "|", row).strip("|") for row in table.split("<tr>")[2:]]
    cells = [[cell.strip() for cell in row.split("|") if cell.strip()] for row in rows]
    assert cells == [
        ["height", "integer", "minimum 1, maximum 9", "required", "In boards."],
        ["books", "mapping to list of string (date)", "optional, default", "{}"],
        ["owner", "string or null", "optional, default", "null"],
    ]
    assert "Where things lie." in table


async def test_the_docs_page_has_an_index_and_names_operations() -> None:
    page = (await call(edge()[0], "GET", "/docs")).body.decode()
    index = page.partition("<nav")[2].partition("</nav>")[0]
    assert index.count('<li><a href="#sales.') == len([route for each in shop().edges for route in each.routes])
    assert '<p class="id"><code>sales.PlaceOrder</code></p>' in page
    assert "A repeated request of one client with the same key is applied once." in re.sub("<.*?>", "", page)


class Free(Value):
    branch: str


class Held(Value):
    by: str
    before: Free | None = None


class NotHeld(Refusal):
    now: Free | Held


class Hold(Command[Free | Held, NotHeld]):
    night: str
    want: Free | Held = Held(by="nobody", before=Free(branch="x"))


class Shown(Query[list[Free | Held]]):
    night: str


def nights() -> tuple[HttpApp, Recorder]:
    context, recorder = Context("rooms"), Recorder()
    edge = HttpEdge(context)
    edge.post("/nights/{night}", Hold)
    edge.get("/nights/{night}", Shown)
    return HttpApp(System("hotel", contexts=[context], edges=[edge]), recorder), recorder


class Note(Command[None]):
    night: str
    text: str


@pytest.mark.parametrize("command", [Hold, Note])
async def test_command_with_several_routes_of_the_same_fields_has_one_schema_for_their_bodies(
    command: type[Command[Any]],
) -> None:
    context = Context("rooms")
    edge, other = HttpEdge(context), HttpEdge(context)
    edge.post("/nights/{night}", command)
    edge.put("/nights/{night}", command)
    other.put("/rooms/{night}", command)
    document = await openapi(HttpApp(System("hotel", contexts=[context], edges=[edge, other]), Recorder()))
    OpenAPIV31SpecValidator(document).validate()
    bodies = [each["requestBody"] for path in document["paths"].values() for each in path.values()]
    schema = {"$ref": f"#/components/schemas/{command.__name__}Body"}
    assert [each["content"]["application/json"]["schema"] for each in bodies] == [schema] * 3


async def test_union_is_described_as_one_of_its_members_told_apart_by_their_tag() -> None:
    document = await openapi(nights()[0])
    OpenAPIV31SpecValidator(document).validate()
    schemas = document["components"]["schemas"]
    union = document["paths"]["/nights/{night}"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    default = {"$type": "Held", "by": "nobody", "before": {"branch": "x"}}
    assert schemas["HoldBody"]["properties"]["want"] == {**union, "default": default}
    names = {tag: ref.rpartition("/")[2] for tag, ref in union["discriminator"]["mapping"].items()}
    assert union["discriminator"]["propertyName"] == "$type"
    assert [each["$ref"].rpartition("/")[2] for each in union["oneOf"]] == list(names.values())
    assert list(names) == ["Free", "Held"]
    assert schemas[names["Held"]]["required"] == ["$type", "by"]
    assert schemas[names["Held"]]["properties"]["$type"] == {"enum": ["Held"]}
    for value, is_valid in (({"$type": "Held", "by": "a"}, True), ({"$type": "Free", "by": "a"}, False)):
        assert OAS31Validator({**union, "components": document["components"]}).is_valid(value) is is_valid


async def test_union_arrives_and_is_answered_with_tags() -> None:
    app, recorder = nights()
    body = b'{"want":{"$type":"Held","by":"a"}}'
    recorder.reply = Free(branch="b")
    answer = await call(app, "POST", "/nights/12", body)
    assert recorder.message == Hold(night="12", want=Held(by="a"))
    assert answer.json == {"$type": "Free", "branch": "b"}
    recorder.reply = [Held(by="a", before=Free(branch="c"))]
    answer = await call(app, "GET", "/nights/12")
    assert answer.json == [{"$type": "Held", "by": "a", "before": {"branch": "c"}}]
    recorder.reply = NotHeld(now=Held(by="c"))
    answer = await call(app, "POST", "/nights/12", body)
    assert (answer.status, answer.json["fields"]) == (409, {"now": {"$type": "Held", "by": "c", "before": None}})
    answer = await call(app, "POST", "/nights/12", b'{"want":{"$type":"Gone"}}')
    assert (answer.status, answer.json["detail"], answer.json["pointer"]) == (
        422,
        "Invalid value 'Gone'",
        "/want/$type",
    )
    assert answer.json["expected"].startswith("one of: 'Free', ")


async def test_docs_page_begins_with_the_default_and_its_tag_and_links_each_member() -> None:
    page = (await call(nights()[0], "GET", "/docs")).body.decode()
    assert "&quot;$type&quot;: &quot;Held&quot;" in page
    assert re.search(r'schema-[^"]*Free">[^<]*</a> or <a href="#schema-[^"]*Held"', page)


class Crowded(Value):
    size: int


class Shut(Value):
    until: str


class NoPlace(Refusal):
    state: Crowded | Shut


class Park(Command[int, NoPlace]):
    car: str


async def test_a_refusal_without_a_docstring_is_described_by_no_signature() -> None:
    lot = HttpEdge("lot")
    lot.post("/cars", Park)
    described = await openapi(HttpApp(System("lots", contexts=[], edges=[lot]), Recorder()))
    assert "description" not in described["components"]["schemas"]["NoPlace"]
