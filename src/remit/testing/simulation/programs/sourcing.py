"""Event-sourced aggregates of programs: which aggregates are, and the code that a user would write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from remit.testing.simulation.programs.grammar import Kept, Program, Rebuilding, uses
from remit.testing.simulation.programs.tape import Tape

__all__ = [
    "LAST",
    "from_state",
    "generation",
    "paged",
    "paging",
    "sourced",
    "upcaster",
    "with_adoption",
    "with_states",
    "with_streams",
    "without_adoption",
]

LAST = 3
"""A row that counts entries is removed by every third."""

_SHARE = 0.7
"""The share of a program's aggregates that are event-sourced, where some are."""
_PLAIN = ("class {name}Grew(DomainEvent):\n    entry: str\n", "entry=entry", "event.entry")
_CHANGED = (
    """class {name}Grew(DomainEvent, version=release):
    if release > 1:
        text: str
    else:
        entry: str
""",
    '**{"text" if release > 1 else "entry": entry}', "(event.text if release > 1 else event.entry)",
)  # fmt: skip
"""An event, how it is made, and what it says: as it is, and with another version in the second release."""
_OF = ("class {name}Grew(DomainEvent):\n    entry: str\n    of: str\n", "entry=entry, of=self.id", "event.entry")
"""The same, of an event that says of which aggregate it is."""
_HELD = 0.7
"""The share of those that a row model holds as they are, where one does."""
_BACK = 0.3
"""The share of rebuilds of these after which the version before becomes live again."""
_ROWS = 0.6
"""The share of those whose entries are rows, too."""
_UPCAST = 0.7
"""The share of those whose events change, where a second release is rolled out to stay."""
_ROW = """

class {name}Row(Row[str, {name}Grew], indexes=[("root", "entry")]):
    root: str = ""
    entry: str = ""
    times: int = 0

    @staticmethod
    def key(event: {name}Grew) -> str:
        return {said}

    def evolve(self, event: {name}Grew) -> None:
        self.entry = {said}
        self.root = self.entry.partition("/")[0]
        self.times += 1
"""
_REMOVING = f"""

class {{name}}Left(Row[str, {{name}}Grew], indexes=[("times",)]):
    root: str = ""
    times: int = 0
    entries: list[str] = field(default_factory=list[str])

    @staticmethod
    def key(event: {{name}}Grew) -> str:
        return {{said}}.partition("/")[0]

    def evolve(self, event: {{name}}Grew) -> None:
        self.root = {{said}}.partition("/")[0]
        self.entries.append({{said}})
        self.times += 1
        if self.times == {LAST}:
            self.remove()
"""
_HOLDING = """

class {name}Held(Row[str, {name}Grew], indexes=[("times",)]):
    of: str = ""
    times: int = 0
    entries: list[str] = field(default_factory=list[str])

    @staticmethod
    def key(event: {name}Grew) -> str:
        return event.of

    def evolve(self, event: {name}Grew) -> None:
        self.of = event.of
        self.entries.append(event.entry)
        self.times += 1
"""
_ADOPTED = """if release > 1:

    class {name}Grew(DomainEvent):
        entry: str

    class {name}(EventSourced[str, {events}]):
        entries: list[str] = field(default_factory=list[str])

        def grow(self, entry: str) -> None:
            self.record({name}Grew(entry=entry))

        def evolve(self, event: {events}) -> None:
            if isinstance(event, {name}Grew):
                self.entries.append(event.entry)

else:

    class {name}(Aggregate[str{own}]):
        entries: list[str] = field(default_factory=list[str])
"""
_CLASS = """{event}


class {name}(EventSourced[str, {events}]):
    entries: list[str] = field(default_factory=list[str])
    folds: int = 0

    def grow(self, entry: str) -> None:
        self.record({name}Grew({made}))

    def evolve(self, event: {events}) -> None:
        if isinstance(event, {name}Grew):
            self.entries.append({said})
            self.folds += {code}

    def is_folded(self) -> bool:
        return self.folds == {code} * len(self.entries)
"""


def sourced(program: Program, kept: Kept) -> str:
    """The class of an event-sourced aggregate. Each release folds it in another way, so that none may use snapshots of
    another one."""
    others = [each.name for each in program.events if each.context == kept.context]
    own = [f"{kept.name}Grew", *others]
    if kept.adopted:
        known = f", {' | '.join(others)}" if others else ""
        return _ADOPTED.format(name=kept.name, events=" | ".join(own), own=known)
    text = _CLASS + (_ROW if kept.rows else "") + (_REMOVING if kept.removes else "") + (_HOLDING if kept.held else "")
    code = "release" if program.rollout else "code"
    event, made, said = _CHANGED if kept.upcast and program.rollout else _OF if kept.held else _PLAIN
    return text.format(name=kept.name, events=" | ".join(own), code=code, event=event.format(name=kept.name),
                       made=made, said=said)  # fmt: skip


def upcaster(kept: Kept) -> Iterator[str]:
    """What makes an event of the first release one of the second."""
    yield "    if release > 1:"
    yield f"\n        @{kept.context}.upcast({kept.name}Grew, version=1)"
    yield f"        def up_{kept.name.lower()}(fields: dict[str, object]) -> dict[str, object]:"
    yield '            return {"text": fields["entry"]}'


def from_state(kept: Kept) -> Iterator[str]:
    """The row model that holds the aggregates as they are, and how a rebuild makes it of their states."""
    model = f"{kept.name}Held"
    yield f"    {kept.context}.project({model})"
    yield f"\n    @{kept.context}.from_state({model}, {kept.name})"
    yield f"    def held_{kept.name.lower()}(thing: {kept.name}) -> {model} | None:"
    yield "        entries = list(thing.entries)"
    yield f"        return {model}(of=thing.id, times=len(entries), entries=entries) if entries else None"


def paging(kept: Kept) -> Iterator[str]:
    """The handler of a query that reads the rows of one call from outside, page by page: how many there are before and
    afterwards, and what the pages show."""
    yield f"\n    @{kept.context}.answer(Every{kept.name})"
    yield f"    async def every_{kept.name.lower()}(query: Every{kept.name}, rows: View[{kept.name}Row]) -> list[str]:"
    yield "        every = rows.where(root=query.root).order('-entry')"
    yield "        found, page = [f'{await every.count()}'], await every.page(limit=1)"
    yield "        while True:"
    yield "            found += [row.entry for row in page.items]"
    yield "            if page.next is None:"
    yield "                return [*found, f'{await every.count()}']"
    yield "            page = await every.page(limit=1, after=page.next)"


def paged(program: Program) -> list[str]:
    """Those who ask for pages, as code."""
    every = [each for each in program.kept if each.rows] if program.rollout is None else []
    return [
        f'Question("{each.context}.{each.name}Row", {root.path!r}, Every{each.name}(root={root.path!r}), at={at})'
        for each in every
        for root, at in zip(program.roots[:2], (1.5, 4.0), strict=False)
    ]


def generation(tape: Tape) -> int:
    """Which code a process runs: two starts have the same, and the next two other code."""
    tape.generations += 1
    return 1 + (tape.generations // 2 + tape.after) % 3


def with_adoption(random: Random, program: Program) -> Program:
    """Some aggregates are stored as state in the first release, and event-sourced in the second."""
    claimed = {name for each in program.handlers for name in uses(each.body).claimed}

    def stored(kept: Kept) -> Kept:
        may = not (kept.folds or kept.record or kept.shaped or kept.name in claimed)
        return replace(kept, sourced=True, adopted=True, news="") if may and random.random() < _SHARE else kept

    return replace(program, kept=tuple(map(stored, program.kept)))


def without_adoption(kept: Kept) -> Kept:
    """The same, stored as state in both releases if it is in the first one."""
    return replace(kept, sourced=False, adopted=False) if kept.adopted else kept


def with_streams(random: Random, program: Program, *, removes: bool = False) -> Program:
    """Some aggregates are event-sourced: of those that a handler changes by nothing but its entries. With `removes`,
    some of their rows are removed."""
    claimed = {name for each in program.handlers for name in uses(each.body).claimed}

    def stored(kept: Kept) -> Kept:
        may = not (kept.folds or kept.record or kept.shaped or kept.name in claimed)
        return replace(kept, sourced=True, news="") if may and random.random() < _SHARE else kept

    kept = [*map(stored, program.kept)]
    rows = [each.sourced and random.random() < _ROWS for each in kept]
    last = program.rollout is not None and len(program.rollout.at) == 1
    return replace(
        program,
        kept=tuple(
            replace(each, rows=has, upcast=last and each.sourced and random.random() < _UPCAST, removes=has and removes)
            for each, has in zip(kept, rows, strict=True)
        ),
    )


def with_states(random: Random, program: Program) -> Program:
    """Some event-sourced aggregates are held by row models, which are rebuilt from their states. Not where aggregates
    are removed: these have no states, and the rows that their events have made stay."""
    if program.rollout is not None or any(uses(each.body).removes for each in program.handlers):
        return program
    kept = [replace(each, held=each.sourced and random.random() < _HELD) for each in program.kept]
    made = [
        Rebuilding(
            f"{each.context}.{each.name}Held", round(random.random() * 5.0, 2), random.choice((1, 2, 4000)),
            back=random.random() < _BACK,
        )
        for each in kept
        if each.held
    ]  # fmt: skip
    return replace(program, kept=tuple(kept), rebuilds=(*program.rebuilds, *made))
