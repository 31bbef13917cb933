"""Opens a store as a user who may not write there: `unprivileged.py FILE`; prints why that does not work."""

import asyncio
import os
import sys

from remit.errors import RemitError
from remit.stores.sqlite.store import SqliteStore

NOBODY = 65534


async def main(path: str) -> None:
    try:
        await SqliteStore(path, "billing").open()
    except RemitError as error:
        print(type(error).__name__, error)


if os.geteuid() == 0:  # whom no permission stops
    os.setuid(NOBODY)
asyncio.run(main(sys.argv[1]))
