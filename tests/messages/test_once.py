"""What is read once: within a scope, for the same object, and for no longer."""

from __future__ import annotations

import pytest

from remit.messages.once import once, unchanged


class Reader:
    def __init__(self) -> None:
        self.asked: list[object] = []

    def read(self, one: object) -> str:
        self.asked.append(one)
        return f"read {len(self.asked)}"


def test_within_a_scope_the_same_object_is_read_once() -> None:
    reader = Reader()
    read, one = once(reader.read), object()
    with unchanged():
        assert [read(one), read(one)] == ["read 1", "read 1"]


def test_equal_objects_are_read_each() -> None:
    """Unions that are equal may differ in their first member, which has a meaning."""
    reader = Reader()
    read = once(reader.read)
    with unchanged():
        assert [read(int | str), read(str | int)] == ["read 1", "read 2"]


def test_nothing_is_kept_outside_of_a_scope() -> None:
    reader = Reader()
    read, one = once(reader.read), object()
    assert [read(one), read(one)] == ["read 1", "read 2"]
    with unchanged():
        assert read(one) == "read 3"
    assert read(one) == "read 4"


def test_an_inner_scope_is_part_of_the_outer_one() -> None:
    reader = Reader()
    read, one = once(reader.read), object()
    with unchanged():
        with unchanged():
            read(one)
        read(one)
    assert len(reader.asked) == 1


def test_an_object_that_is_made_after_another_one_has_gone_is_not_taken_for_it() -> None:
    reader = Reader()
    read = once(reader.read)
    with unchanged():
        found = {read([number]) for number in range(50)}  # without a reference, they would all have one address
    assert len(found) == 50


def test_what_has_failed_is_read_again_and_the_scope_ends() -> None:
    asked: list[object] = []

    @once
    def failing(one: object) -> str:
        asked.append(one)
        raise ValueError("odd")

    one = object()
    with pytest.raises(ValueError, match="odd"), unchanged():
        failing(one)
    with unchanged(), pytest.raises(ValueError, match="odd"):
        failing(one)
    assert len(asked) == 2
