"""The OpenAPI 3.1 description of all operations, made from the types of their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from remit.edges.http.docstrings import docstring, first_sentence
from remit.edges.http.doors import FRESH, FRESH_KEY, POSITION, Operation
from remit.edges.http.problems import KINDS, Problem
from remit.messages import Refusal, wire_types, written_defaults

Schema = dict[str, Any]

_PROBLEM_JSON = "application/problem+json"
_SHARED_PARAMETERS: dict[str, Schema] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "A repeated request of one client with the same key is applied once. Another request: 422. "
        "Use a random key of 128 bits or more, such as a UUID.",
    },
    "Request-Timeout": {
        "name": "Request-Timeout", "in": "header", "schema": {"type": "number", "exclusiveMinimum": 0},
        "description": "The time that the client waits, in seconds.",
    },
    "Fresh": {
        "name": FRESH, "in": "query", "schema": {"type": "boolean", "default": False},
        "description": "Wait until every earlier message has reached the answer.",
    },
    "Fresh-Key": {
        "name": FRESH_KEY, "in": "query", "schema": {"type": "string"},
        "description": "As fresh, but only messages with this ordering key must not be parked on the way.",
    },
    "Remit-Position": {
        "name": POSITION, "in": "header", "schema": {"type": "string"},
        "description": "With a command: any text, such as 'new'; then its answer has this header. With a query: the "
        "header of such an answer; then the query waits until what the command has written has reached the answer.",
    },
}  # fmt: skip
_SHARED_HEADERS: dict[str, Schema] = {
    "Age": {
        "schema": {"type": "integer", "minimum": 0},
        "description": "How many seconds old the data of the answer are at most. Only if they promise how old they may "
        "be, and if that is known.",
    },
    "Remit-Position": {
        "schema": {"type": "string"},
        "description": "Where the command has written. Only if the request had this header, and if that is known. "
        "A query that brings it waits until that has reached the answer.",
    },
    "Retry-After": {"schema": {"type": "integer"}, "description": "Seconds to wait"},
}  # fmt: skip
_ALWAYS = (400, 422, 500, 503, 504)
_WITH_BODY = (408, 413, 415)


def describe(title: str, operations: Sequence[Operation]) -> Schema:
    """The whole document, without `servers`, which depends on where the application is mounted."""
    wanted = [type for operation in operations for type in _types(operation)]
    schemas, components = _schemas([Problem, *wire_types(wanted)])
    by_type = dict(zip(map(id, wanted), schemas[1:], strict=True))
    statuses = {status for operation in operations for status in _statuses(operation)}
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "tags": [{"name": context} for context in dict.fromkeys(operation.context for operation in operations)],
        "paths": {},
        "components": {
            "schemas": components,
            "parameters": _SHARED_PARAMETERS,
            "headers": _SHARED_HEADERS,
            "responses": {f"Problem{status}": _problem_response(status) for status in sorted(statuses)},
        },
    }
    for operation in operations:
        entry = document["paths"].setdefault(operation.route.path, {})
        entry[operation.route.method.lower()] = _describe(operation, by_type)
    _tell_operations_apart(document)
    return document


def _schemas(wires: Sequence[Any]) -> tuple[Sequence[Schema], Schema]:
    """The schemas of wire types, and the components that they refer to."""
    defaults = {cls: given for wire in wires for cls, given in written_defaults(wire).items()}
    types, template = [*wires, *defaults], "#/components/schemas/{name}"
    schemas, components = map(_choices, msgspec.json.schema_components(types, ref_template=template))
    for schema, (cls, given) in zip(schemas[len(wires) :], defaults.items(), strict=True):
        described = components[schema["$ref"].rpartition("/")[2]]
        fields = described.get("properties") or dict(
            zip(cls.__struct_encode_fields__, described["prefixItems"], strict=True)
        )
        for name, default in given.items():
            fields[name]["default"] = msgspec.to_builtins(default, str_keys=True)
    for name, described in components.items():
        if described.get("description", "").startswith(f"{described.get('title', name)}("):
            del described["description"]  # the signature that dataclasses write for a class without a docstring
    return schemas[: len(wires)], components


def _choices(schema: Any) -> Any:
    """The schema with `oneOf` in place of `anyOf` for options with a discriminator, as OpenAPI readers expect."""
    if isinstance(schema, dict):
        known: Schema = schema  # pyright: ignore[reportUnknownVariableType]  # of texts, as each object of JSON
        tagged = "discriminator" in known and "anyOf" in known
        return {"oneOf" if tagged and name == "anyOf" else name: _choices(part) for name, part in known.items()}
    return [_choices(part) for part in schema] if isinstance(schema, list | tuple) else schema  # pyright: ignore[reportUnknownVariableType]  # of anything


def _types(operation: Operation) -> Iterator[Any]:
    """Every type whose schema the operation needs. They are found again by id, because not every type is hashable."""
    yield operation.reply
    yield from operation.refusals
    if operation.body is not None:
        yield operation.body
    for field in operation.fields:
        yield field.type


def _describe(operation: Operation, by_type: dict[int, Schema]) -> Schema:
    text = docstring(operation.route.message)
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.context],
        "summary": first_sentence(text) or operation.route.message.__name__,
        "parameters": list(_parameters(operation, by_type)),
        "responses": _responses(operation, by_type),
    }
    if text:
        described["description"] = text
    if operation.body is not None:
        needed = any(field.required for field in operation.fields if field.encode_name not in operation.places)
        content = {"application/json": {"schema": by_type[id(operation.body)]}}
        described["requestBody"] = {"required": needed, "content": content}
    return described


def _parameters(operation: Operation, by_type: dict[int, Schema]) -> Iterator[Schema]:
    named = {field.encode_name: field for field in operation.fields}
    for place in operation.places:
        yield {"name": place, "in": "path", "required": True, "schema": by_type[id(named[place].type)]}
    if operation.body is None:
        for name, field in named.items():
            if name not in operation.places:
                schema = by_type[id(field.type)]
                if field.default is not msgspec.NODEFAULT:
                    schema = {**schema, "default": msgspec.to_builtins(field.default)}
                yield {"name": name, "in": "query", "required": field.required, "schema": schema}
    shared = ("Fresh", "Fresh-Key") if operation.asks else ("Idempotency-Key",)
    for name in (*shared, POSITION, "Request-Timeout"):
        yield {"$ref": f"#/components/parameters/{name}"}


def _responses(operation: Operation, by_type: dict[int, Schema]) -> Schema:
    success: Schema = {"description": "The reply", "headers": _header("Age" if operation.asks else POSITION)}
    if not operation.silent:
        success["content"] = {"application/json": {"schema": by_type[id(operation.reply)]}}
    responses: Schema = {str(operation.route.status): success}
    refusals: dict[int, list[type[Refusal]]] = {}
    for refusal in operation.refusals:
        refusals.setdefault(operation.status_of(refusal), []).append(refusal)
    for status in sorted({*_statuses(operation), *refusals}):
        if status in refusals:
            responses[str(status)] = _refusal_response(status, refusals[status], operation, by_type)
        else:
            responses[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    return responses


def _statuses(operation: Operation) -> tuple[int, ...]:
    """The statuses of problems that this operation can answer, apart from refusals."""
    added = () if operation.asks else (409,)  # a command may add an aggregate that exists
    return (*_ALWAYS, 404, *added, *(_WITH_BODY if operation.body is not None else ()))


def _problem_response(status: int) -> Schema:
    kinds = [f"`{code}`: {kind.title}" for code, kind in KINDS.items() if kind.status == status]
    response: Schema = {
        "description": "; ".join(kinds),
        "content": {_PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status == 503:
        response["headers"] = _header("Retry-After")
    return response


def _header(name: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"}}


def _refusal_response(
    status: int, refusals: list[type[Refusal]], operation: Operation, by_type: dict[int, Schema]
) -> Schema:
    options = [_refusal_schema(refusal, by_type[id(refusal)]) for refusal in refusals]
    if status in _statuses(operation):
        options.append({"$ref": "#/components/schemas/Problem"})
    return {
        "description": f"Refused: {', '.join(refusal.__name__ for refusal in refusals)}",
        "content": {_PROBLEM_JSON: {"schema": options[0] if len(options) == 1 else {"anyOf": options}}},
    }


def _refusal_schema(refusal: type[Refusal], fields: Schema) -> Schema:
    """The schema of a problem with the name and the fields of this refusal."""
    own = {"code": {"const": "call.refused"}, "refusal": {"const": refusal.__name__}, "fields": fields}
    return {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"type": "object", "properties": own, "required": ["refusal", "fields"]},
        ]
    }


def _tell_operations_apart(document: Schema) -> None:
    """Makes the operation ids unique: a message may have several routes."""
    seen: dict[str, int] = {}
    for entry in document["paths"].values():
        for described in entry.values():
            name = described["operationId"]
            seen[name] = seen.get(name, 0) + 1
            if seen[name] > 1:
                described["operationId"] = f"{name}.{seen[name]}"
