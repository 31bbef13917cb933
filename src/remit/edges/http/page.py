"""The page /docs: one self-contained HTML document, rendered once from the OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from remit.edges.http.openapi import Schema
from remit.edges.http.problems import KINDS

_DEEPEST = 5
BOUNDS = (
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength",
    "pattern", "minItems", "maxItems", "enum", "const",
)  # fmt: skip
_EMPTY: Schema = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": []}


def render(description: Schema) -> bytes:
    """The page as HTML in UTF-8. It loads nothing from elsewhere; its forms call the routes of the same server."""
    template = Path(__file__).with_name("docs.html").read_text("utf-8")
    parts = {
        "<!--title-->": escape(description["info"]["title"]),
        "<!--index-->": "\n".join(_index(description)),
        "<!--routes-->": "\n".join(_routes(description)),
        "<!--schemas-->": "\n".join(_schemas(description["components"]["schemas"])),
        "<!--problems-->": "\n".join(
            f"<tr><td><code>{code}</code></td><td>{kind.status}</td><td>{escape(kind.title)}</td>"
            f"<td>{escape(kind.next)}</td></tr>"
            for code, kind in KINDS.items()
        ),
    }
    for mark, text in parts.items():
        template = template.replace(mark, text)
    return template.encode()


def _operations(description: Schema, tag: str) -> Iterator[tuple[str, str, Schema]]:
    for path, entry in description["paths"].items():
        for method, operation in entry.items():
            if tag in operation["tags"]:
                yield method, path, operation


def _index(description: Schema) -> Iterator[str]:
    for tag in (each["name"] for each in description["tags"]):
        yield f'<h3><a href="#context-{escape(tag)}">{escape(tag)}</a></h3><ul>'
        for method, path, operation in _operations(description, tag):
            breaking = escape(path).replace("/", "<wbr>/")
            named = f'<b class="{method}">{method.upper()}</b> <code>{breaking}</code>'
            yield f'<li><a href="#{escape(operation["operationId"])}">{named}</a></li>'
        yield "</ul>"


def _routes(description: Schema) -> Iterator[str]:
    for tag in (each["name"] for each in description["tags"]):
        yield f'<h2 id="context-{escape(tag)}">{escape(tag)}</h2>'
        for method, path, operation in _operations(description, tag):
            yield _route(description, method, path, operation)


def _route(description: Schema, method: str, path: str, operation: Schema) -> str:
    shared = description["components"]["parameters"]
    parameters = [shared[p["$ref"].rpartition("/")[2]] if "$ref" in p else p for p in operation["parameters"]]
    body = operation["requestBody"]["content"]["application/json"] if "requestBody" in operation else None
    more = str(operation.get("description", "")).removeprefix(operation["summary"]).strip()
    return f"""<details class="route" id="{escape(operation["operationId"])}"><summary>
<b class="{method}">{method.upper()}</b> <code>{escape(path)}</code>
<span>{escape(operation["summary"])}</span></summary>
<p class="id"><code>{escape(operation["operationId"])}</code></p>
{f"<p>{escape(more)}</p>" if more else ""}
<form data-method="{method.upper()}" data-path="{escape(path)}">
{"".join(_input(parameter) for parameter in parameters)}
{_body(body, description["components"]["schemas"]) if body else ""}
<div class="acts"><button>Send</button> <button type="button" class="curl">Copy as curl</button></div>
<output aria-live="polite"></output></form>
<table class="answers"><tr><th>status</th><th>answer</th></tr>{"".join(_responses(operation))}</table></details>"""


def _input(parameter: Schema) -> str:
    name, place = escape(parameter["name"]), parameter["in"]
    needed = " required" if parameter.get("required") else ""
    many = " data-many" if parameter["schema"].get("type") == "array" else ""
    told = parameter.get("description", "")
    hint = f"<small>{escape(told)}</small>" if told else ""
    return (
        f'<label><span>{name} <small>{place}{needed}</small></span><span><input name="{name}" data-in="{place}"'
        f'{needed}{many} placeholder="{escape(_kind(parameter["schema"]))}">{hint}</span></label>'
    )


def _body(content: Schema, components: Schema) -> str:
    sample = escape(json.dumps(_example(content["schema"], components, 0), indent=2))
    return (
        f"<label><span>body <small>JSON, {_linked(content['schema'])}</small></span>"
        f'<textarea rows="{sample.count(chr(10)) + 2}" spellcheck="false">{sample}</textarea></label>'
    )


def _responses(operation: Schema) -> Iterator[str]:
    """The rows of the responses of one operation. Problems of all operations are listed once, at the end of the
    page."""
    shared: list[str] = []
    for status, response in operation["responses"].items():
        if "$ref" in response:
            shared.append(status)
        else:
            what = escape(response["description"].partition(":")[0])  # the links repeat what follows the colon
            kinds = [_linked(content["schema"]) for content in response.get("content", {}).values()]
            yield f"<tr><td>{status}</td><td>{': '.join([what, *kinds])}</td></tr>"
    yield f'<tr><td>{" ".join(shared)}</td><td><a href="#problems">Problems</a></td></tr>'


def _schemas(components: Schema) -> Iterator[str]:
    for name, schema in components.items():
        text = escape(json.dumps(schema, indent=2, ensure_ascii=False))
        told = schema.get("description", "")
        yield (
            f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
            f"{f'<p>{escape(told)}</p>' if told else ''}{_fields(schema)}"
            f"<details><summary>as JSON Schema</summary><pre>{text}</pre></details></details>"
        )


def _fields(schema: Schema) -> str:
    """The fields of an object as a table. For any other schema, its kind in words."""
    fields = schema.get("properties")
    if not fields:
        return f"<p>{_linked(schema)}{_bounds(schema)}</p>"
    required = schema.get("required", ())
    rows = (
        f"<tr><td><code>{escape(name)}</code></td><td>{_linked(field)}{_bounds(field)}</td>"
        f"<td>{_presence(field, needed=name in required)}</td><td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in fields.items()
    )
    return f"<table><tr><th>field</th><th>type</th><th></th><th></th></tr>{''.join(rows)}</table>"


def _presence(field: Schema, *, needed: bool) -> str:
    if needed:
        return "required"
    if "default" not in field:
        return "optional"
    return f"optional, default <code>{escape(json.dumps(field['default'], ensure_ascii=False))}</code>"


def _bounds(schema: Schema) -> str:
    """The bounds in a schema, in the terms of JSON Schema."""
    told = [f"{word} {json.dumps(schema[word], ensure_ascii=False)}" for word in BOUNDS if word in schema]
    return f" <small>{escape(', '.join(told))}</small>" if told else ""


def _linked(schema: Schema) -> str:
    """The kind of a schema in a few words, with links to named schemas."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if parts := schema.get("prefixItems"):  # a tuple: exactly these items
        return f"list of {', '.join(_linked(part) for part in parts)}"
    if isinstance(schema.get("items"), dict):
        return f"list of {_linked(schema['items'])}"
    if schema.get("additionalProperties"):  # True if values may be of any type
        return f"mapping to {_linked(_named(schema['additionalProperties']))}"
    if refusal := schema.get("allOf", [{}])[-1].get("properties", {}).get("fields"):
        return _linked(refusal)
    if options := _options(schema):
        return " or ".join(_linked(option) for option in options)
    return escape(f"{_kind(schema)} ({schema['format']})" if "format" in schema else _kind(schema))


def _named(schema: Any) -> Schema:
    """A schema, with `true` replaced by the empty schema."""
    return {} if schema is True else schema


def _options(schema: Schema) -> list[Schema]:
    """The alternatives of a schema. They are under `oneOf` if a tag tells them apart."""
    options: list[Schema] = schema.get("anyOf") or schema.get("oneOf") or []
    return options


def _kind(schema: Schema) -> str:
    return str(schema.get("type") or " | ".join(_kind(option) for option in _options(schema)) or "value")


def _example(schema: Schema, components: Schema, depth: int) -> Any:
    """An example value: the default if there is one, else an empty value of the right type."""
    if "$ref" in schema and depth < _DEEPEST:
        return _example(components[schema["$ref"].rpartition("/")[2]], components, depth + 1)
    for known in ("default", "const"):
        if known in schema:
            return schema[known]
    if options := schema.get("enum"):
        return options[0]
    if options := _options(schema):
        return _example(options[0], components, depth)
    if schema.get("type") == "object":
        return {name: _example(field, components, depth) for name, field in schema.get("properties", {}).items()}
    return _EMPTY.get(schema.get("type", ""))
