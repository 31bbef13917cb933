"""`remit send`: one command, in this process."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from remit.cli.addressing import read_message
from remit.cli.failures import REFUSED
from remit.cli.loading import load_system
from remit.cli.options import Data, Deadline, Fields, MessageName, Store, SystemName, place_of
from remit.messages import Command, Refusal, encode_reply
from remit.topology import System

__all__ = ["send"]


def send(
    system: SystemName,
    message: MessageName,
    fields: Fields = "{}",
    /,
    *,
    key: Annotated[
        str | None, Parameter(help="Idempotency key: the same command with the same key is applied once.")
    ] = None,
    deadline: Deadline = None,
    store: Store = None,
    data: Data = None,
) -> int:
    """Send one command and print its reply as JSON.

    The system runs in this process until the reply is there, beside a service that may be running on the same stores.
    A refusal is printed as JSON too, with exit code 3.
    """
    model = load_system(system)
    command = read_message(model, Command, message, fields)
    try:
        reply = asyncio.run(_send(model, place_of(store, data), command, key, deadline))
    except Refusal as refusal:
        print(encode_reply(refusal).decode())
        return REFUSED
    print(msgspec.json.encode(reply).decode())
    return 0


async def _send(model: System, place: str, command: Command[Any, Any], key: str | None, deadline: float | None) -> Any:
    async with model.connect(store=place) as app:
        return await app.send(command, key=key, deadline=deadline)
