"""A component is a text that knows its context and its part."""

from __future__ import annotations

import pytest

from remit.messages.component import Component


@pytest.mark.parametrize(
    ("text", "context", "part"),
    [("billing.write", "billing", "write"), ("billing", "billing", ""), ("*", "*", ""), ("*.edge", "*", "edge")],
)
def test_it_is_read_as_it_is_written(text: str, context: str, part: str) -> None:
    read = Component.read(text)
    assert (read.context, read.part) == (context, part)
    assert str(Component(context, part)) == text
    assert {Component(context, part): 1}[read] == 1
    assert type(read.address) is str, "a mere text can be encoded"
