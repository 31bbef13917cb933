"""Describes differences between expected and actual values as text: field by field, and message by message."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from remit.domain import Aggregate, Projection, Record
from remit.errors import RemitError
from remit.messages import Message, Refusal, Value
from remit.testing.compiled import carried

LONGEST = 200
"""The most characters shown of one value."""


class Words(NamedTuple):
    """What the two sides are called."""

    expected: str
    actual: str


COMPARED = Words("expected", "was")


def fields_of(value: Any) -> dict[str, Any] | None:
    """The fields of a message, value, aggregate, document or refusal, by name; None for other objects."""
    if isinstance(value, msgspec.Struct):
        return {name: getattr(value, name) for name in value.__struct_fields__}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def same(expected: Any, actual: Any) -> bool:
    """Whether two objects have the same class and the same fields, whatever their `==` says."""
    return next(differences(expected, actual), None) is None


def differences(expected: Any, actual: Any, place: str = "", words: Words = COMPARED) -> Iterator[str]:
    """A line for each place where the two differ: `lines[0].amount: expected 3, was 4`."""
    if type(expected) is type(actual):
        if (named := fields_of(expected)) is not None:
            yield from _in_fields(named, fields_of(actual) or {}, place, words)
            return
        if isinstance(expected, Mapping):
            yield from _in_mappings(expected, actual, place, words)  # pyright: ignore[reportUnknownArgumentType]  # of any
            return
        if isinstance(expected, (list, tuple)):
            yield from _in_sequences(expected, actual, place, words)  # pyright: ignore[reportUnknownArgumentType]  # of any
            return
    if not _is_equal(expected, actual):
        yield f"{place or 'value'}: {words.expected} {shown(expected)}, {words.actual} {shown(actual)}"


def _in_fields(expected: Mapping[str, Any], actual: Mapping[str, Any], place: str, words: Words) -> Iterator[str]:
    for name, value in expected.items():
        yield from differences(value, actual[name], f"{place}.{name}" if place else name, words)


def _in_mappings(expected: Mapping[Any, Any], actual: Mapping[Any, Any], place: str, words: Words) -> Iterator[str]:
    there = {key: key for key in actual}
    for key, value in expected.items():
        inner = f"{place}[{shown(key)}]"
        if key in there and same(key, there[key]):
            del there[key]
            yield from differences(value, actual[key], inner, words)
        else:
            yield f"{inner}: {words.expected} {shown(value)}, {words.actual} missing"
    for key in there:
        yield f"{place}[{shown(key)}]: {words.expected} nothing, {words.actual} {shown(actual[key])}"


def _in_sequences(expected: Sequence[Any], actual: Sequence[Any], place: str, words: Words) -> Iterator[str]:
    for number in range(max(len(expected), len(actual))):
        inner = f"{place}[{number}]"
        if number >= len(actual):
            yield f"{inner}: {words.expected} {shown(expected[number])}, {words.actual} missing"
        elif number >= len(expected):
            yield f"{inner}: {words.expected} nothing, {words.actual} {shown(actual[number])}"
        else:
            yield from differences(expected[number], actual[number], inner, words)


def _is_equal(expected: Any, actual: Any) -> bool:
    """Whether both are of one type and mean the same on the wire. For `==`, 1 is True and 1.0."""
    if type(expected) is not type(actual):
        return False
    if isinstance(expected, (float, Decimal)):
        return str(expected) == str(actual)  # -0.0 equals 0.0, and 1.10 equals 1.1
    if isinstance(expected, (set, frozenset)):
        return _are_same(expected, actual)  # pyright: ignore[reportUnknownArgumentType]  # of any
    try:
        if isinstance(expected, (datetime, time)) and expected.utcoffset() != actual.utcoffset():
            return False
        return bool(expected == actual)
    except Exception:  # noqa: BLE001  # a comparison is the user's code, and may raise anything
        return False


def _are_same(expected: Collection[Any], actual: Collection[Any]) -> bool:
    there = {each: each for each in actual}
    return len(expected) == len(actual) and all(each in there and same(each, there[each]) for each in expected)


def shown(value: Any) -> str:
    """A value as a test's author would write it, cut to 200 characters."""
    fields = fields_of(value)
    if fields is None:
        text = repr(value)
    else:
        inner = ", ".join(f"{name}={shown(each)}" for name, each in fields.items())
        text = f"{type(value).__name__}({inner})"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


# ── several messages ────────────────────────────────────────────────────────────────────────────────────────────────


def told_apart(expected: Sequence[Any], actual: Sequence[Any]) -> list[str]:
    """Lines that describe how two sequences of messages differ; empty if they are equal and in the same order.

    Messages in both sequences are skipped (longest common subsequence). In the gaps between them, a message of the same
    class counts as the expected one with other fields; the others are missing or not expected.
    """
    if len(expected) == len(actual) and all(map(same, expected, actual)):
        return []
    if len(expected) == len(actual) and not _left_over(expected, actual):
        order = ", ".join(type(each).__name__ for each in actual)
        return [f"the same messages came in another order: {order}", *(f"  {shown(each)}" for each in actual)]
    lines: list[str] = []
    for wanted, found in _gaps(expected, actual):
        lines += _in_gap(list(wanted), list(found))
    return lines


def _left_over(expected: Sequence[Any], actual: Sequence[Any]) -> list[Any]:
    left = list(actual)
    for each in expected:
        at = next((number for number, other in enumerate(left) if same(each, other)), None)
        if at is None:
            return left
        del left[at]
    return left


def _gaps(expected: Sequence[Any], actual: Sequence[Any]) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    """The gaps on both sides between the messages of the longest common subsequence."""
    rows, columns = len(expected), len(actual)
    length = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in reversed(range(rows)):
        for column in reversed(range(columns)):
            equal = same(expected[row], actual[column])
            length[row][column] = (
                length[row + 1][column + 1] + 1 if equal else max(length[row + 1][column], length[row][column + 1])
            )
    row = column = from_row = from_column = 0
    while row < rows and column < columns:
        if same(expected[row], actual[column]):
            yield expected[from_row:row], actual[from_column:column]
            row, column = row + 1, column + 1
            from_row, from_column = row, column
        elif length[row + 1][column] >= length[row][column + 1]:
            row += 1
        else:
            column += 1
    yield expected[from_row:], actual[from_column:]


def _in_gap(wanted: list[Any], found: list[Any]) -> Iterator[str]:
    for each in wanted:
        at = next((number for number, other in enumerate(found) if type(other) is type(each)), None)
        if at is None:
            yield f"missing: {shown(each)}"
            continue
        yield f"{type(each).__name__} differs:"
        yield from (f"  {line}" for line in differences(each, found.pop(at)))
    for other in found:
        yield f"not expected: {shown(other)}"


def as_carried(expected: Any) -> Any:
    """What a test expects, as it would be read from the wire. Unchanged if it could not: then nothing is the same."""
    try:
        return carried(expected)
    except RemitError:
        return expected


def require_messages(what: str, expected: Sequence[Any], actual: Sequence[Any], cause: Refusal | None = None) -> None:
    """Raises `AssertionError` with the differences. `what` was done with the messages: "recorded"."""
    __tracebackhide__ = True
    lines = told_apart([*map(as_carried, expected)], actual)
    if lines:
        head = f"{what}: {len(expected)} expected, {len(actual)} found"
        if cause is not None:
            lines.append(f"it was refused: {shown(cause)}")
        raise AssertionError("\n".join([head, *(f"  {line}" for line in lines)])) from cause


def require_same(what: str, expected: Any, actual: Any) -> None:
    """Raises `AssertionError` with the differences between two objects."""
    __tracebackhide__ = True
    if isinstance(expected, _KNOWN):
        expected = as_carried(expected)
    lines = list(differences(expected, actual))
    if lines:
        raise AssertionError("\n".join([f"{what} differs", *(f"  {line}" for line in lines)]))


_KNOWN = (Message, Value, Aggregate, Projection, Record, Refusal)


def explained(left: Any, right: Any) -> list[str] | None:
    """Lines for a failed `assert left == right` of remit's kinds of objects; None for other objects."""
    kind = left.__class__
    if kind in (list, tuple) and right.__class__ in (list, tuple):
        if not all(isinstance(each, _KNOWN) for each in (*left, *right)):
            return None
        head, lines = f"{len(left)} found, {len(right)} expected", told_apart(right, left)
    elif issubclass(kind, _KNOWN) and right.__class__ is kind:
        head, lines = f"{kind.__name__} differs", list(differences(right, left))
    else:
        return None
    return [head, *lines] if lines else None
