"""What a fold keeps in memory between two units of work: documents, as long as these are few and small."""

from __future__ import annotations

import pytest

from remit import Context, DomainEvent, Projection, Row, System
from remit.operations.rebuild import read_model
from remit.runtime.work import folding
from remit.runtime.work.folding import Documents
from remit.stores import Change, Unit
from remit.stores.memory.store import MemoryStore


class Said(DomainEvent, key="who"):
    who: str
    letters: int


class Text(Projection[str, Said]):
    text: str = ""

    @staticmethod
    def key(event: Said) -> str:
        return event.who

    def evolve(self, event: Said) -> None:
        self.text = "x" * event.letters


def documents_of(model: type[Projection[str, Said]]) -> Documents:
    context = Context("talk")
    context.project(model)
    _, (follow,) = read_model(System("talk", contexts=[context]).model(), f"talk.{model.__name__}")
    return Documents(follow.projection, MemoryStore(), whole=True)


def kept(most_bytes: int, monkeypatch: pytest.MonkeyPatch) -> Documents:
    monkeypatch.setattr(folding, "MOST_BYTES", most_bytes)
    return documents_of(Text)


def write(documents: Documents, *events: Said) -> list[Change]:
    changes: list[Change] = []
    for event in events:
        documents.apply(documents.key(event), event)
    documents.write(Unit(), changes, "m1")
    return changes


def test_documents_are_kept_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = kept(10_000, monkeypatch)
    write(documents, *(Said(who=f"w{number}", letters=1000) for number in range(4)))
    assert (documents.whole, len(documents._known)) == (True, 4)
    changes = write(documents, *(Said(who=f"v{number}", letters=1000) for number in range(8)))
    assert len(changes) == 8, "what is forgotten was written"
    assert (documents.whole, len(documents._known)) == (False, 0)


def test_documents_that_are_written_again_and_again_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = kept(10_000, monkeypatch)
    for letters in range(1000, 1100):
        write(documents, *(Said(who=f"w{number}", letters=letters) for number in range(4)))
    assert (documents.whole, len(documents._known)) == (True, 4)
    assert documents.size == 4 * len(b'{"text":""}') + 4 * 1099


def test_keys_of_documents_that_have_ended_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MOST_KEPT", 100)

    class Ending(Row[str, Said], indexes=[("letters",)]):
        letters: int = 0

        @staticmethod
        def key(event: Said) -> str:
            return event.who

        def evolve(self, event: Said) -> None:
            self.remove()

    documents = documents_of(Ending)
    for start in range(0, 1000, 50):
        write(documents, *(Said(who=f"w{number}", letters=1) for number in range(start, start + 50)))
        assert len(documents._texts) <= 150
    assert documents.whole, "nothing that is stored is unknown"
