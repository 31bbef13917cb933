"""The indexes of a row model name its fields, and these have an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from remit.contexts import Model
from remit.contexts.annotations import projections_of
from remit.contexts.declarations import where
from remit.domain import Row, indexes_of
from remit.errors import Findings, nearest
from remit.messages import SortForm, sorted_by

_T = TypeVar("_T")

MOST = 4
"""The most fields of an index: their values and the key have to fit into an index entry of every store."""


def check_row_models(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        rows = [each for each in projections_of(context) if issubclass(each, Row)]
        for one, other in _alike({each.__name__: each for each in rows}):
            _same_name(other, f"the row models {one.__name__} and {other.__name__}", findings)
        for projection in rows:
            indexes = indexes_of(projection)
            for field, same in _alike({field: field for index in indexes for field in index}):
                _same_name(projection, f"the indexed fields {field} and {same} of {projection.__name__}", findings)
            with suppress(NameError, TypeError):  # of annotations, which another rule reports
                known = sorted_by(projection)
                for index in indexes:
                    _check_index(projection, index, known, findings)


def _alike(named: Mapping[str, _T]) -> Iterator[tuple[_T, _T]]:
    """Pairs whose names differ only in capitals. A name that is not ASCII has a hash in its table or column."""
    first: dict[str, _T] = {}
    for name, each in named.items():
        known = first.setdefault(name.lower() if name.isascii() else name, each)
        if known is not each:
            yield known, each


def _same_name(row: type[Row[Any, Any]], what: str, findings: Findings) -> None:
    findings.report(
        "row.same-name", where(row), f"{what} differ only in capitals",
        expected="other names: SQLite tells neither tables nor columns apart by capitals", next="rename one of the two",
    )  # fmt: skip


def _check_index(
    row: type[Row[Any, Any]], index: tuple[str, ...], known: dict[str, tuple[Any, SortForm | None]], findings: Findings
) -> None:
    name, place, shown = row.__name__, where(row), "(" + ", ".join(map(repr, index)) + ")"
    for field in (each for each in index if each not in known):
        near = nearest(str(field), known)
        findings.report(
            "row.unknown-field", place, f"an index of {name} names {field!r}, which is no field of it",
            expected=f"fields of {name}: {', '.join(known)}",
            next=f"did you mean {near}?" if near else "correct the index",
        )  # fmt: skip
    for field in (each for each in index if each in known and known[each][1] is None):
        findings.report(
            "row.no-order", place, f"an index of {name} names {field}, and values of its type have no order",
            expected="str, int, float, bool, Decimal, datetime, date, UUID, an enumeration or Literal of texts or of "
            "whole numbers, or one of these or None",
            next=f"add a field of such a type to {name}, and name that",
        )  # fmt: skip
    if not 1 <= len(index) <= MOST or len({*index}) < len(index):
        findings.report(
            "row.index", place, f"the index {shown} of {name} has {len(index)} fields, {len({*index})} of them unlike",
            expected=f"1 to {MOST} different fields", next='indexes=[("courier", "at")]',
        )  # fmt: skip
