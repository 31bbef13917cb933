"""Rebuilds of read models whose documents are large: no transaction is larger than a store takes."""

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from remit import Aggregate, Command, Context, DomainEvent, Projection, Repository, Row, System
from remit.errors import TooLarge
from remit.log import Channel
from remit.operations import CannotRebuild, Rebuild
from remit.operations.from_state import MOST_BYTES
from remit.stores import Change, Entry, Selection, Unit, row_table
from remit.stores.memory.store import MemoryStore

MIB = 1024 * 1024


class Filled(DomainEvent, key="box"):
    box: str
    letters: int = 1


class Box(Aggregate[str, Filled]):
    size: int = 0


class Fill(Command[None]):
    box: str


class Label(Projection[str, Filled]):
    """Documents that are much larger than the states, or than the events."""

    text: str = ""

    @staticmethod
    def key(event: Filled) -> str:
        return event.box

    def evolve(self, event: Filled) -> None:
        self.text = "x" * event.letters


class Sticker(Row[str, Filled], indexes=[("size",)]):
    """Rows that are much larger than the states."""

    size: int = 0
    text: str = ""

    @staticmethod
    def key(event: Filled) -> str:
        return event.box

    def evolve(self, event: Filled) -> None:
        self.size, self.text = event.letters, "x" * event.letters


def attic(from_states: bool = True) -> System:
    context = Context("attic")

    @context.handle(Fill)
    async def fill(command: Fill, boxes: Repository[Box]) -> None:
        (await boxes.obtain(command.box)).record(Filled(box=command.box))

    context.project(Label)
    context.project(Sticker)
    if from_states:

        @context.from_state(Label, Box)
        def label(box: Box) -> Label | None:
            return Label(text="x" * box.size)

        @context.from_state(Sticker, Box)
        def sticker(box: Box) -> Sticker | None:
            return Sticker(size=box.size, text="x" * box.size)

    return System("attic", contexts=[context])


class Noting(MemoryStore):
    """Notes the bytes of each transaction of version 2, and which were refused."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.refused = list[int](), 0

    async def commit(self, unit: Unit) -> None:
        size = sum(len(each.body) for each in unit.changes) + sum(len(each.body) for each in unit.rows)
        try:
            await super().commit(unit)
        except TooLarge:
            self.refused += 1
            raise
        if size > 10_000:
            self.written.append(size)

    async def hold(self, sizes: Sequence[int]) -> None:
        states = [(f"b{number:04}", size) for number, size in enumerate(sizes)]
        await self.commit(
            Unit([Change("attic.Box", id, 0, b'{"id":"%s","size":%d}' % (id.encode(), size)) for id, size in states])
        )


@pytest.fixture
async def store() -> AsyncIterator[Noting]:
    made = Noting()
    await made.open()
    yield made
    await made.close()


async def rebuilt(store: Noting, name: str, from_states: bool = True) -> int:
    work = Rebuild(attic(from_states).model(), name, {"attic": store}, linger=0.0)
    return (await work.build(pause=0.0)).documents


@pytest.mark.parametrize("name", ["attic.Label", "attic.Sticker"])
async def test_a_chunk_of_states_ends_before_its_documents_are_too_many(store: Noting, name: str) -> None:
    sizes = [MIB] * 20 + [1] + [15 * MIB] + [3 * MIB] * 5
    await store.hold(sizes)
    assert await rebuilt(store, name) == len(sizes)
    assert all(size < MOST_BYTES + 10_000 or 15 * MIB < size < 15 * MIB + 10_000 for size in store.written)
    if name == "attic.Label":
        bodies = [body for _, _, body in await store.page("attic.Label@2", None, 100)]
    else:
        table = row_table("Sticker", 2, ["size"], [("size",)])
        bodies = [body for _, body in await store.select_rows(Selection(table, ()), None, 100)]
    assert [len(msgspec.json.decode(body)["text"]) for body in bodies] == sizes


async def tell(store: Noting, boxes: int, letters: int) -> None:
    payloads = [b'{"box":"b%04d","letters":%d}' % (number, letters) for number in range(boxes)]
    entries = [
        Entry(Channel.PRIVATE, "k", f"m{number}", "attic.Filled", 1, 1.7e9, "{}", payload)
        for number, payload in enumerate(payloads)
    ]
    await store.commit(Unit(entries=entries))


@pytest.mark.parametrize(
    ("boxes", "letters", "refused"), [(1200, 20_000, 0), (600, 50_000, 1), (150, 200_000, 3), (4, 12 * MIB, 8)]
)
async def test_pages_become_smaller_than_a_transaction(store: Noting, boxes: int, letters: int, refused: int) -> None:
    await tell(store, boxes, letters)
    assert await rebuilt(store, "attic.Label", from_states=False) == boxes
    assert store.refused <= refused
    assert sum(store.written) > boxes * letters, "all of them were written, in pages"
    assert all(size > 2 * MIB for size in store.written[1:-1])


async def test_a_document_that_is_too_large_by_itself_is_parked(store: Noting) -> None:
    await tell(store, 3, 17 * MIB)
    with pytest.raises(CannotRebuild, match="keys of the new version are parked"):
        await rebuilt(store, "attic.Label", from_states=False)
