"""One of several processes that move the same checkpoint: `race.py FILE NAME LAST`; prints how often it was the one."""

import asyncio
import sys

from remit.errors import Conflict
from remit.log import Channel, SubscriptionId
from remit.stores import Advance, Entry, Unit
from remit.stores.sqlite.store import SqliteStore


async def main(path: str, name: str, last: int) -> None:
    store = SqliteStore(path, "billing")
    await store.open()
    print("ready", flush=True)
    sys.stdin.readline()
    won = 0
    while (
        at := (await store.checkpoints(SubscriptionId("mail", "sales", Channel.PUBLISHED))).get(0)
    ) is None or at.pos < last:
        before, before_id = (at.pos, at.id) if at else (0, "")
        move = Advance(
            SubscriptionId("mail", "sales", Channel.PUBLISHED), 0, before, before_id, before + 1, f"{before + 1}", 1.0
        )
        entry = Entry(Channel.PRIVATE, "k", f"{before + 1} by {name}", "billing.Mailed", 1, 1.0, "{}", b"{}")
        try:
            await store.commit(Unit(entries=[entry], advance=move))
            won += 1
        except Conflict:
            continue
    await store.close()
    print(won)


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
