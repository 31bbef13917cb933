"""Projections: documents that begin with their defaults and are folded from events."""

from typing import Any, NewType, assert_never

import pytest

from remit import DomainEvent, Projection, field
from remit.messages import Codec

StudentId = NewType("StudentId", str)


class Issued(DomainEvent):
    student: StudentId
    amount: int


class Paid(DomainEvent):
    student: StudentId
    amount: int


class Balance(Projection[StudentId, Issued | Paid]):
    owed: int = 0
    amounts: list[int] = field(default_factory=list[int])

    @staticmethod
    def key(event: Issued | Paid) -> StudentId:
        return event.student

    def evolve(self, event: Issued | Paid) -> None:
        self.amounts.append(event.amount)
        match event:
            case Issued():
                self.owed += event.amount
            case Paid():
                self.owed -= event.amount
            case _:
                assert_never(event)


class Unfinished(Projection[StudentId, Issued]): ...


EVENTS: list[Issued | Paid] = [Issued(student=StudentId("ada"), amount=5), Paid(student=StudentId("ada"), amount=2)]


def test_a_document_is_folded_from_its_defaults() -> None:
    document = Balance()
    for event in EVENTS:
        document.evolve(event)
    assert (document.owed, document.amounts) == (3, [5, 2])
    assert {Balance.key(event) for event in EVENTS} == {"ada"}
    assert Balance().amounts == [], "defaults are made anew"


def test_a_document_is_stored_and_read_back() -> None:
    codec = Codec[Balance](Balance)
    assert codec.encode(codec.read(b'{"owed":3,"amounts":[5,2]}')) == b'{"owed":3,"amounts":[5,2]}'
    assert codec.read(b"{}").owed == 0, "a field added later begins with its default"


def test_documents_are_compared_by_what_they_say() -> None:
    one, other = Balance(), Balance()
    assert one == other
    other.evolve(EVENTS[0])
    assert one != other
    assert repr(one) != repr(other)
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)


def test_fields_are_keyword_only() -> None:
    made: Any = Balance
    with pytest.raises(TypeError, match="positional"):
        made(1)


def test_nothing_is_folded_by_accident() -> None:
    event = Issued(student=StudentId("ada"), amount=1)
    with pytest.raises(NotImplementedError):
        Unfinished.key(event)
    with pytest.raises(NotImplementedError):
        Unfinished().evolve(event)


def test_a_misspelt_field_is_refused() -> None:
    document: Any = Balance()
    with pytest.raises(AttributeError, match="owned"):
        document.owned = 3
