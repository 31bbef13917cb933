"""Writes units until it is killed: `write.py FILE PREFIX`; prints the number of each unit that is committed."""

import asyncio
import itertools
import sys

from remit.log import Channel
from remit.stores import Change, Entry, KeyClaim, Unit
from remit.stores.sqlite.store import SqliteStore


async def main(path: str, prefix: str) -> None:
    store = SqliteStore(path, "billing")
    await store.open()
    numbers = itertools.count()

    async def write() -> None:
        for number in numbers:
            name = f"{prefix}-{number}"
            entries = [
                Entry(
                    channel, name, f"{name}-{channel}", "billing.Settled", 1, 1.0, "{}", b'{"text":"%s"}' % (b"x" * 500)
                )
                for channel in Channel
            ]
            unit = Unit([Change("Account", name, 0, b"{}")], entries, KeyClaim("web", name, b"f", b"{}", 1.0))
            await store.commit(unit)
            print(name, flush=True)

    await asyncio.gather(*[write() for _ in range(8)])


asyncio.run(main(sys.argv[1], sys.argv[2]))
