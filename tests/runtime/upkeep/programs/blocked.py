"""A system whose handler blocks the event loop for two seconds, as no handler should."""

import asyncio
import logging
import time

from remit import Command, Context, System


class Dawdle(Command[str]):
    how: str


dawdling = Context("dawdling")


def wait_as_nobody_should() -> None:
    time.sleep(2.0)


@dawdling.handle(Dawdle)
async def dawdle(command: Dawdle) -> str:
    if command.how == "blocking":
        wait_as_nobody_should()
    else:
        await asyncio.sleep(2.0)
    return command.how


async def main() -> None:
    logging.basicConfig(format="%(message)s")
    async with System("dawdling", contexts=[dawdling]).connect(store="memory:") as app:
        await app.send(Dawdle(how="waiting"))
        logging.getLogger("program").warning("now")
        await app.send(Dawdle(how="blocking"))


asyncio.run(main())
