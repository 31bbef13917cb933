"""Notes for the caller of a command at which positions the command has written (`Written`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from remit.contexts import Collected, Seal, Written, collecting, ended_by, is_open
from remit.errors import RemitError
from remit.log import Channel
from remit.messages import Refusal
from remit.runtime.work.workplace import Workplace

NOTING_SECONDS = 1.0
"""How long the caller of a command waits for the positions of what it has written, after its commit."""


async def noted(doing: Awaitable[Any], workplace: Workplace, seal: Seal) -> Any:
    """Awaits a command of this process, and notes the heads of the partitions that it has written to.

    A head is read after the commit, so it is at or after what the command has written. A repeated command writes
    nothing, and where it wrote at first is not known: then all partitions of its context are noted. If the command ends
    without an outcome and may have written, the position is lost.
    """
    with Written():  # what this command touches, apart from others in the block of its caller
        mine = collecting.get()
        assert mine is not None  # noqa: S101  # the block's own
        try:
            try:
                reply = await doing
            except Refusal:
                await _note(mine, workplace, seal)
                raise
            await _note(mine, workplace, seal)
        except Refusal:
            raise
        except BaseException as error:
            if mine.touched or is_open(error):
                mine.lose(ended_by(error))
            raise
        return reply


async def _note(collected: Collected, workplace: Workplace, seal: Seal) -> None:
    context = workplace.plan.name
    touched = collected.touched.pop(context, None)
    channels = Channel if touched is None else {Channel(channel) for channel, _ in touched}
    found: dict[str, dict[int, int]] = {}
    try:
        async with asyncio.timeout(NOTING_SECONDS):
            for channel in channels:
                found[f"{context} {channel:d}"] = {
                    part: head.pos
                    for part, head in (await workplace.store.heads(channel)).items()
                    if touched is None or (channel, part) in touched
                }
    except (RemitError, TimeoutError) as error:
        collected.lose(f"the store of {context!r} did not say ({type(error).__name__})")
    else:
        collected.note(found, seal)
