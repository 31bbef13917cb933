"""The test kit folds rows, and gives them to handlers."""

from __future__ import annotations

import pytest

from remit import Page
from remit.testing import given
from tests.runtime.parcels import BEGUN, Assigned, Carried, Delivered, Line, OpenParcel, parcels

ASSIGNED = Assigned(parcel="p1", courier="ada")


def test_a_row_is_folded_and_removed() -> None:
    row = OpenParcel(parcel="p1", courier="ada", at=BEGUN, moves=1)
    given(OpenParcel, ASSIGNED).then(row)
    given(OpenParcel, ASSIGNED, Delivered(parcel="p1")).then(None)
    given(OpenParcel, ASSIGNED, Delivered(parcel="p1"), ASSIGNED).then(row)


def test_a_row_that_should_be_gone_and_one_that_should_be_there_are_told() -> None:
    with pytest.raises(AssertionError, match="there is a document"):
        given(OpenParcel, ASSIGNED).then(None)
    with pytest.raises(AssertionError, match="the last one has removed its row"):
        given(OpenParcel, ASSIGNED, Delivered(parcel="p1")).then(OpenParcel())


def test_a_handler_queries_the_rows_of_the_given_events() -> None:
    answer = given(parcels, ASSIGNED, ASSIGNED).when(Carried(courier="ada"))
    answer.then(Page(items=[Line(parcel="p1", moves=2)]))
