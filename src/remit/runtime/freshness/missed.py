"""What a projection has missed for ever: messages of its source that were deleted before it had folded them.

A reaction begins with what is there, and that is all it is for. The documents of a projection are the fold of all
messages, so one that misses some is incomplete, and nothing that comes later mends it. That is kept in the same store
as its checkpoints (`missed_by` in `stores/port.py`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Protocol

from remit.errors import Conflict
from remit.log import Checkpoint, SubscriptionId
from remit.stores import Advance, Unit
from remit.stores.port import Checkpoints, Committing, missed_by


class _Moved(Checkpoints, Committing, Protocol):
    """Where checkpoints are read and moved."""


async def note_missed(store: _Moved, subscription: SubscriptionId, upto: Mapping[int, Checkpoint]) -> None:
    """Writes down that a projection has missed messages up to these, by partition. What is known already stays."""
    for part, (pos, id, at) in upto.items():
        with contextlib.suppress(Conflict):  # it is known
            mark = Advance(missed_by(subscription), part, 0, "", pos, id, at)
            await store.commit(Unit(advance=mark))


async def missed(store: Checkpoints, subscription: SubscriptionId) -> Mapping[int, int]:
    """The position up to which a projection has missed messages, by partition; nothing when it has missed none."""
    marks = await store.checkpoints(missed_by(subscription))
    return {part: mark.pos for part, mark in marks.items() if mark.pos}


async def accept_missed(store: Checkpoints, subscription: SubscriptionId, at: float) -> Mapping[int, int]:
    """Somebody takes the documents for complete as they are; says what was missed until then."""
    found = await missed(store, subscription)
    await store.place(missed_by(subscription), dict.fromkeys(found, Checkpoint(0, "", at)))
    return found


def told_missed(source: str) -> str:
    """What is wrong with such a projection, in words."""
    return f"incomplete: messages of {source} were deleted before it had seen them"


def next_missed(name: str, source: str) -> str:
    """What settles it, once somebody has seen to it that nothing is missing."""
    return f"remit log accept {name} --source {source} --from here"
