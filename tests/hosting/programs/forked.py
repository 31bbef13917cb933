"""A process that connects and forks, as a web server does that loads its application first: STORE WHERE.

WHERE is "one" or "all": what the child does. Both say what they have got, a line each.
"""

from __future__ import annotations

import os
import sys

from remit import Aggregate, Command, Context, Repository, System
from remit.errors import RemitError


class Count(Command[int]):
    name: str


class Counter(Aggregate[str]):
    count: int = 0


shop = Context("shop")


@shop.handle(Count)
async def count(command: Count, counters: Repository[Counter]) -> int:
    counter = await counters.obtain(command.name)
    counter.count += 1
    return counter.count


system = System("shop", contexts=[shop])


def told(error: RemitError) -> str:
    return f"{error.code}: {error.what.split(';')[0]}"


def child(store: str) -> None:
    """In a process that was forked off: connects again."""
    try:
        with system.connect_sync(store=store) as app:
            print("child", app.send(Count(name="child")), flush=True)
    except RemitError as error:
        print("child", told(error), flush=True)


def main(store: str) -> None:
    with system.connect_sync(store=store) as app:
        print("parent", app.send(Count(name="a")), flush=True)
        pid = os.fork()
        if not pid:
            try:
                app.send(Count(name="a"), deadline=2.0)
            except RemitError as error:
                print("child", told(error), flush=True)
            child(store)
            sys.exit(7)  # leaves what the parent has entered
        print("child ended with", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        print("parent", app.send(Count(name="a")), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
