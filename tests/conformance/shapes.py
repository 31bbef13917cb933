"""Compares what was read with what somebody else says must be found. They need not tell the same things."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeGuard

BY_NAME = ("aggregates", "modules")
"""Tables of which the keys are names."""


def is_table(value: Any) -> TypeGuard[dict[str, Any]]:
    """True for a table of JSON."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """True for a list of JSON."""
    return isinstance(value, list)


def tidy(value: Any) -> Any:
    """The value without what is empty, and with lists in one order: neither says anything."""
    if is_table(value):
        told = {key: tidy(each) for key, each in value.items()}
        return {key: each for key, each in told.items() if each not in (None, [], {}) or key in BY_NAME}
    if is_list(value):
        return sorted(map(tidy, value), key=lambda each: json.dumps(each, sort_keys=True))
    return value


def shape(values: Iterable[Any]) -> Any:
    """What is told at all, in any of the values: a table of what is told under each key, a list with what is told of
    its entries, or a value."""
    merged: list[Any] = list(values)
    tables: list[dict[str, Any]] = [each for each in merged if is_table(each)]
    lists: list[list[Any]] = [each for each in merged if is_list(each)]
    if tables:
        keys = {key: None for each in tables for key in each}
        return {key: _entries(key, [each[key] for each in tables if key in each]) for key in keys}
    if lists:
        return [shape(each for entries in lists for each in entries)]
    return next((each for each in merged if each is not None), None)


def _entries(key: str, values: list[Any]) -> Any:
    if key in BY_NAME and all(map(is_table, values)):
        return {"*": shape(entry for each in values for entry in each.values())}
    return shape(values)


def cut(value: Any, told: Any) -> Any:
    """The value, with only what the shape tells: of tables in place of names, the names; of lists in place of numbers,
    their length."""
    if is_table(told) and is_table(value):
        return _cut_table(value, told)
    if is_list(told) and (is_table(value) or is_list(value)):
        return [cut(each, told[0] if told else None) for each in value]
    if isinstance(told, int) and is_list(value):
        return len(value)
    if is_table(value):
        return value.get("name")
    return value


def _cut_table(value: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    if "*" in told:
        return {key: cut(each, told["*"]) for key, each in value.items()}
    return {key: cut(value[key], each) for key, each in told.items() if key in value}


def difference(expected: Any, found: Any) -> str:
    """What is expected and not found, and the other way round. Empty if nothing."""
    expected, found = tidy(expected), tidy(found)
    if expected == found:
        return ""
    if is_table(expected) and is_table(found):
        keys = sorted({*expected, *found}, key=str)
        parts = [
            f"{key}: {difference(expected.get(key), found.get(key))}"
            for key in keys
            if expected.get(key) != found.get(key)
        ]
        return "; ".join(part for part in parts if not part.endswith(": "))
    if is_list(expected) and is_list(found):
        missing = [each for each in expected if each not in found]
        more = [each for each in found if each not in expected]
        if missing or more:
            return f"expected also {json.dumps(missing)[:300]}, found also {json.dumps(more)[:300]}"
    return f"expected {json.dumps(expected)[:300]}, found {json.dumps(found)[:300]}"
