"""The subjects of calls: what a grant for one message covers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from remit.transports.grants import PING, as_subject, name_in, subject_of

NAMES = st.text(st.one_of(st.characters(), st.sampled_from("%_-2C5.* >äaA")))


@given(NAMES, NAMES)
def test_two_names_have_two_subjects(one: str, other: str) -> None:
    assert (as_subject(one) == as_subject(other)) is (one == other)


@given(NAMES)
def test_the_subject_of_a_name_is_one_word_and_tells_the_name(name: str) -> None:
    subject = as_subject(name)
    assert subject.isascii()
    assert not set(subject) & set('. *>$"\\')
    assert name_in(subject) == name


def test_the_subject_of_an_ascii_name_is_the_name() -> None:
    assert as_subject("PlaceOrder_2-b") == "PlaceOrder_2-b"


@given(NAMES)
def test_no_message_has_the_subject_of_a_probe(name: str) -> None:
    assert subject_of("ping", {"remit-type": name}) == PING
    assert PING not in (subject_of("command", {"remit-type": name}), subject_of("query", {"remit-type": name}))
    assert name == "ping" or subject_of(name, {}) != PING
