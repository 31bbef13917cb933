"""Looks at a store: `look.py FILE`; prints how many accounts' messages it has."""

import asyncio
import sys

from remit.log import Channel
from remit.stores.sqlite.store import SqliteStore


async def main(path: str) -> None:
    store = SqliteStore(path, "billing")
    await store.open(read_only=True)
    print(sum(head for head, _ in (await store.heads(Channel.PRIVATE)).values()))
    await store.close()


asyncio.run(main(sys.argv[1]))
