"""The indexes of a row model name its fields, which have an order."""

from __future__ import annotations

from typing import Any

import pytest

from remit import Projection, Row
from tests.checks.shop import Placed, checked, followed


class Priced(Row[str, Placed], indexes=[("student", "amount")]):
    student: str = ""
    amount: int = 0
    lines: list[str] = []  # noqa: RUF012  # a struct copies it

    @staticmethod
    def key(event: Placed) -> str:
        return ""

    def evolve(self, event: Placed) -> None: ...


def found(*indexes: Any) -> list[str]:
    """The codes of the findings for a row model with these indexes."""

    class Other(Priced, indexes=indexes): ...

    sales, billing = followed()
    sales.project(Other)
    return [finding.code for finding in checked(sales, billing) if finding.code.startswith("row.")]


def test_a_row_model_with_good_indexes_has_no_findings() -> None:
    assert found(("student", "amount"), ("amount",)) == []


@pytest.mark.parametrize(
    ("index", "code"),
    [
        (("studnet",), "row.unknown-field"),
        (("student", "lines"), "row.no-order"),
        ((), "row.index"),
        (("student", "student"), "row.index"),
    ],
)
def test_a_faulty_index_is_reported(index: tuple[str, ...], code: str) -> None:
    assert found(index) == [code]


def test_a_near_field_is_proposed() -> None:
    class Other(Priced, indexes=[("studnet",)]): ...

    sales, billing = followed()
    sales.project(Other)
    finding = next(each for each in checked(sales, billing) if each.code == "row.unknown-field")
    assert finding.next == "did you mean student?"


def test_only_row_models_have_indexes() -> None:
    options: Any = {"indexes": [("student",)]}
    with pytest.raises(TypeError, match="no class option 'indexes'"):

        class Wrong(Projection[str, Placed], **options): ...  # pyright: ignore[reportUnusedClass]  # it cannot be made


class Cased(Priced):
    Student: str = ""
    größe: int = 0
    Größe: int = 0


def test_indexed_fields_that_differ_only_in_capitals_are_reported() -> None:
    class Other(Cased, indexes=[("student",), ("Student", "amount")]): ...

    sales, billing = followed()
    sales.project(Other)
    finding = next(each for each in checked(sales, billing) if each.code == "row.same-name")
    assert "the indexed fields student and Student of Other differ only in capitals" in finding.what


def test_fields_that_no_index_names_and_names_with_a_hash_may_be_alike() -> None:
    class Other(Cased, indexes=[("student", "größe", "Größe")]): ...

    sales, billing = followed()
    sales.project(Other)
    assert [each for each in checked(sales, billing) if each.code.startswith("row.")] == []


def test_row_models_of_a_context_that_differ_only_in_capitals_are_reported() -> None:
    class Sale(Priced): ...

    class SALE(Priced): ...

    sales, billing = followed()
    sales.project(Sale)
    sales.project(SALE)
    found = [each.what for each in checked(sales, billing) if each.code == "row.same-name"]
    assert found == ["the row models Sale and SALE differ only in capitals"]
