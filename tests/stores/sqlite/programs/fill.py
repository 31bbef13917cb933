"""Writes to a disk that fills up, then has space again: `fill.py FILE`. The limit of file sizes stands for the disk."""

import asyncio
import resource
import sys

from remit.errors import StoreUnavailable
from remit.stores import Change, Unit
from remit.stores.sqlite.store import SqliteStore


async def main(path: str) -> None:
    store = SqliteStore(path, "billing")
    await store.open()
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    number = 0
    try:
        while True:
            await store.commit(Unit([Change("Account", str(number), 0, b'"%s"' % (b"x" * 5000))]))
            number += 1
    except StoreUnavailable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    print(
        "written:",
        number,
        "of it there:",
        sum([await store.load("Account", str(n)) is not None for n in range(number)]),
    )
    print("the refused one:", await store.load("Account", str(number)))
    await store.commit(Unit([Change("Account", str(number), 0, b"{}")]))
    print("with space again:", await store.load("Account", str(number)))
    await store.close()


asyncio.run(main(sys.argv[1]))
