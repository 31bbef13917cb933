"""What a projection has missed for ever: messages of its source that were deleted before it had folded them.

A reaction begins with what is there, and that is all it is for. The documents of a projection are the fold of all
messages, so one that misses some is incomplete, and nothing that comes later mends it. That is kept in the same store
as its checkpoints: as those of a subscription that nobody can declare, because its name has a space.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from remit.errors import Conflict
from remit.stores import Advance, Checkpoint, Store, Unit

__all__ = ["accept_missed", "missed", "next_missed", "note_missed", "told_missed"]


async def note_missed(store: Store, name: str, source: str, channel: int, upto: Mapping[int, Checkpoint]) -> None:
    """Writes down that a projection has missed messages up to these, by partition. What is known already stays."""
    for part, (pos, id, at) in upto.items():
        with contextlib.suppress(Conflict):  # it is known
            mark = Advance(_mark(name), source, channel, part, 0, "", pos, id, at)
            await store.commit(Unit(advance=mark))


async def missed(store: Store, name: str, source: str, channel: int) -> Mapping[int, int]:
    """The position up to which a projection has missed messages, by partition; nothing when it has missed none."""
    marks = await store.checkpoints(_mark(name), source, channel)
    return {part: mark.pos for part, mark in marks.items() if mark.pos}


async def accept_missed(store: Store, name: str, source: str, channel: int, at: float) -> Mapping[int, int]:
    """Somebody takes the documents for complete as they are; says what was missed until then."""
    found = await missed(store, name, source, channel)
    await store.place(_mark(name), source, channel, dict.fromkeys(found, Checkpoint(0, "", at)))
    return found


def told_missed(source: str) -> str:
    """What is wrong with such a projection, in words."""
    return f"incomplete: messages of {source} were deleted before it had seen them"


def next_missed(name: str, source: str) -> str:
    """What settles it, once somebody has seen to it that nothing is missing."""
    return f"remit log accept {name} --source {source} --from here"


def _mark(name: str) -> str:
    return f"{name} missed"
