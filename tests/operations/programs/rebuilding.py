"""Rebuilds the boxes of the orchard, and tells how far it is: one process for each place that is read from standard
input. Each is forked, so that only the first one has to import anything."""

import asyncio
import os
import sys

from remit.hosting.opening import Places, opened
from remit.operations import Rebuild, Rebuilt
from remit.topology.secret import Secret
from tests.operations.orchard import orchard, twice


def tell(done: Rebuilt) -> None:
    print(os.getpid(), done.handled, flush=True)


async def main(place: str) -> None:
    async with opened(Places({"default": Secret(place)}), ["farm"]) as stores:
        work = Rebuild(orchard(twice).model(), "farm.Box", stores, linger=1.5)
        await work.build(pause=0.7, page=10, step=tell)


for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(main(line.strip()))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if status else "done", flush=True)
