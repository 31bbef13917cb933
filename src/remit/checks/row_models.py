"""The indexes of a row model name its fields, and these have an order."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import projections_of
from remit.contexts.declarations import where
from remit.domain import Row, indexes_of
from remit.errors import Findings, nearest
from remit.messages import SortForm, sorted_by

MOST = 4
"""The most fields of an index: their values and the key have to fit into an index entry of every store."""


def check_row_models(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for projection in projections_of(context):
            if issubclass(projection, Row):
                with suppress(NameError, TypeError):  # of annotations, which another rule reports
                    known = sorted_by(projection)
                    for index in indexes_of(projection):
                        _check_index(projection, index, known, findings)


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
