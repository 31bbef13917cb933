"""A process that has billing's store open, so that what is staged is moved: `sequence.py ADDRESS`. SIGKILL ends it."""

from __future__ import annotations

import asyncio
import sys

from remit.stores.postgres.store import PostgresStore


async def main(address: str) -> None:
    await PostgresStore(address, "billing").open()
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main(sys.argv[1]))
