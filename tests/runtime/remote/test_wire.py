"""Errors, records and texts are on the other side what they were on this one."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.msgpack import encode

from remit import errors
from remit.errors import BadMessage, OutcomeUnknown, Overloaded, RemitError, Unavailable
from remit.log import Channel, Head, MessageRecord
from remit.messages import contract_of
from remit.runtime.remote.headers import original, printable, read_seconds
from remit.runtime.remote.wire import (
    CallCodec,
    Span,
    answer_of,
    failure,
    heard,
    is_shed,
    question_of,
    raise_failure,
)
from remit.transports import CallRequest, CallResponse
from tests.runtime.apart import Balance, Pay

CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, RemitError)]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_arrives_as_what_it_is(cls: type[RemitError]) -> None:
    with pytest.raises(RemitError) as arrived:
        raise_failure(failure(cls("what é", where="there", expected="this", next="that")), "a.write")
    error = arrived.value
    assert (type(error), error.what, error.where, error.expected, error.next) == (
        cls, "what é", "there", "this", "that",
    )  # fmt: skip


def test_codes_are_different() -> None:
    assert len({cls.code for cls in CLASSES}) == len(CLASSES)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b'{"what":7}', b"null"])
def test_an_answer_that_nobody_understands_is_unavailable(body: bytes) -> None:
    """A code of a later release, or of no release at all."""
    with pytest.raises(Unavailable) as arrived:
        raise_failure(CallResponse("call.something-new", {}, body), "a.write")
    assert "a.write" in str(arrived.value)


def test_a_command_may_be_applied_whose_answer_nobody_understands() -> None:
    """A question changes nothing."""
    for message, error in ((Pay, OutcomeUnknown), (Balance, Unavailable)):
        kind: Literal["command", "query"] = "command" if message is Pay else "query"
        route = CallCodec("till.write", kind, contract_of(message, "till"), "json")
        with pytest.raises(error):
            route.outcome(CallResponse("call.something-new", {}, b""))


@pytest.mark.parametrize(("said", "seconds"), [("250", 0.25), ("x", 0.0), ("-5", 0.0), ("", 0.0)])
def test_how_long_to_wait_arrives(said: str, seconds: float) -> None:
    with pytest.raises(Overloaded) as arrived:
        raise_failure(CallResponse(Overloaded.code, {"remit-retry-after-ms": said}, b"{}"), "a.write")
    assert arrived.value.retry_after == seconds


def test_only_what_was_not_taken_up_was_shed() -> None:
    error = Overloaded("further in")
    assert not is_shed(failure(error))
    error.retry_after = 0.5
    assert is_shed(failure(error))


@given(st.text(), st.text())
def test_every_text_fits_a_header_and_stays_itself(one: str, other: str) -> None:
    for text in (one, other):
        try:
            text.encode()
        except UnicodeEncodeError:
            return
    assert printable(one).isascii()
    assert printable(one).isprintable()
    assert " " not in printable(one)
    assert original(printable(one)) == one
    assert (printable(one) == printable(other)) == (one == other)


@pytest.mark.parametrize("printed", ["%FF", "%FE", "a%ED%A0%80"])
def test_what_stands_for_no_text_is_refused(printed: str) -> None:
    """Different keys must not become one."""
    with pytest.raises(BadMessage):
        original(printed)


def test_a_plain_key_looks_like_itself() -> None:
    key = "wish-1/ada@home:2026+x=y;z,(a)"
    assert printable(key) == key


def test_records_and_heads_arrive() -> None:
    record = MessageRecord(3, 7, "m7", "m6", "käse", "billing.Settled", 2, 1732172728.1234567, '{"a":1}', b"\x00\xff{}")
    assert heard(answer_of([record, record]), list[MessageRecord], "a.log") == [record, record]
    assert heard(answer_of({3: Head(7, 1.5), 0: Head(1, 2.5)}), dict[int, Head], "a.log") == {3: (7, 1.5), 0: (1, 2.5)}
    assert question_of(CallRequest("read", {}, encode(Span(Channel.PUBLISHED, 2, 3, 4))), Span) == Span(
        Channel.PUBLISHED, 2, 3, 4
    )


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x93\x01", b"\x91\x01", b"{}"])
def test_bodies_that_are_none_are_bad_messages(body: bytes) -> None:
    with pytest.raises(BadMessage):
        question_of(CallRequest("read", {}, body), Span)
    with pytest.raises(BadMessage):
        heard(CallResponse("ok", {}, body or b"\x00"), list[MessageRecord], "a.log")
    with pytest.raises(BadMessage):
        heard(CallResponse("ok", {}, body or b"\x00"), dict[int, Head], "a.log")


@pytest.mark.parametrize("said", [None, "", "ten", "-1", "1.5"])
def test_no_call_is_without_a_deadline(said: str | None) -> None:
    headers = {} if said is None else {"remit-timeout-ms": said}
    with pytest.raises(BadMessage):
        read_seconds(CallRequest("command", headers, b""))


class OlderSpan(msgspec.Struct, array_like=True):
    """As releases read it that know no types."""

    channel: Channel
    part: int
    after: int
    limit: int
    begin: int = 0


def test_a_request_to_read_with_types_is_understood_by_an_older_source_and_the_reverse() -> None:
    """While services are released one after another."""
    span = Span(Channel.PUBLISHED, 2, 3, 4, types=["sales.Placed"])
    older = OlderSpan(Channel.PUBLISHED, 2, 3, 4)
    assert question_of(CallRequest("read", {}, encode(span)), OlderSpan) == older
    assert question_of(CallRequest("read", {}, encode(span)), Span) == span
    assert question_of(CallRequest("read", {}, encode(older)), Span) == Span(Channel.PUBLISHED, 2, 3, 4)
