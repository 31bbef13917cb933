"""Rebuilds the boxes of the orchard, or the baskets of the market, and tells how far it is: one process for each line
of standard input, which has its pause, its page, the place, and what is rebuilt. Each is forked, so that only the first
one has to import anything."""

import asyncio
import os
import sys

from remit.hosting.opening import Places, opened
from remit.operations import Rebuild, Rebuilt
from remit.topology.secret import Secret
from tests.operations.market import market
from tests.operations.orchard import orchard, twice

SYSTEMS = {"farm.Box": orchard(twice), "market.Held": market()}


def tell(done: Rebuilt) -> None:
    print(os.getpid(), done.handled + done.states, flush=True)


async def main(pause: str, page: str, place: str, name: str) -> None:
    async with opened(Places({"default": Secret(place)}), [name.partition(".")[0]]) as stores:
        work = Rebuild(SYSTEMS[name].model(), name, stores, linger=1.5)
        await work.build(pause=float(pause), page=int(page), step=tell)


for line in sys.stdin:
    child = os.fork()
    if not child:
        asyncio.run(main(*line.split()))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print("killed" if status else "done", flush=True)
