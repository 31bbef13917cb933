"""What one of them writes into the headers of a message the others read."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.log import (
    LATER,
    MessageRecord,
    escaped,
    forms_of,
    has_newer,
    is_command,
    is_escaped,
    moment_of,
    origin_of,
    trace_of,
    wish_of,
    with_moment,
    write_carried,
    write_headers,
    write_newer,
    write_wish,
)

WRITABLE = st.text(st.characters(exclude_categories=["Cs"]))
HARD = [
    "",
    "plain",
    'a "quoted" one',
    "back\\slash",
    "\\",
    '\\"',
    "line\nü 🎓",
    "\x00\x7f\u2028",
    '","later":true,"by":"',
    "\\u0041",
]


def record(headers: str) -> MessageRecord:
    return MessageRecord(0, 1, "m1", "", "k", "billing.Settled", 1, 1.0, headers, b'{"a":1}')


@given(WRITABLE, WRITABLE)
def test_a_trace_is_read_as_it_was_written(cause: str, trace: str) -> None:
    written = record(write_headers(escaped(cause), escaped(trace)))
    assert json.loads(written.headers) == {"cause": cause, "trace": trace}
    assert trace_of(written) == escaped(trace), "to be written again as it stands"
    assert origin_of(written) == trace
    assert not is_command(written)
    assert not has_newer(written)
    assert wish_of(written) is None


@pytest.mark.parametrize("text", HARD)
def test_what_a_caller_wrote_forges_no_header(text: str) -> None:
    written = record(write_headers("c", escaped(text), write_wish(escaped(text), escaped(f"{text}!"))))
    assert json.loads(written.headers) == {"cause": "c", "trace": text, "later": True, "by": text, "wish": f"{text}!"}
    assert origin_of(written) == text
    assert wish_of(written) == (text, f"{text}!")
    assert is_command(written)


@given(st.text())
def test_only_what_is_escaped_is_taken_as_it_is(text: str) -> None:
    try:
        json.loads(f'"{text}"', strict=True)
    except ValueError:
        assert not is_escaped(text)
    else:
        assert is_escaped(text)


@pytest.mark.parametrize("text", ["a\\ud83d\\ude00b", "\\u00e9", "\\/"])
def test_an_escape_that_another_release_wrote_goes_on_as_it_stands(text: str) -> None:
    assert is_escaped(text)
    assert trace_of(record(write_headers("c", text))) == text
    assert origin_of(record(write_headers("c", text))) == json.loads(f'"{text}"')


def test_a_message_that_says_no_trace_begins_one() -> None:
    assert trace_of(record("{}")) == origin_of(record("{}")) == "m1"
    assert trace_of(record('{"trace":null}')) == "m1"


def test_a_command_without_an_identity_has_no_wish() -> None:
    written = record(write_headers("c", "t", LATER))
    assert is_command(written)
    assert wish_of(written) is None


def test_newer_versions_stand_beside_the_message() -> None:
    newer = {2: b'{"trace":"not this","a":2}', 3: '{"wish":"ü","later":true}'.encode()}
    written = record(write_headers("c", "t", write_newer(newer)))
    assert has_newer(written)
    assert forms_of(written) == {1: b'{"a":1}', **newer}
    assert trace_of(written) == "t"
    assert not is_command(written)
    assert wish_of(written) is None


def test_the_moment_of_a_message_is_when_it_was_written_unless_its_headers_say_another() -> None:
    headers = write_headers("c", "t")
    assert moment_of(record(headers)) == 1.0
    written = record(with_moment(headers, 1764474460.123456))
    assert moment_of(written) == 1764474460.123456
    assert trace_of(written) == "t"


def test_a_header_of_a_request_is_no_moment() -> None:
    assert moment_of(record(write_headers("c", "t", write_carried({"a": "b", "moment": "7"})))) == 1.0
