"""`remit ask`: one query, in this process."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from remit.cli.addressing import read_message
from remit.cli.failures import REFUSED
from remit.cli.loading import load_system
from remit.cli.options import Data, Deadline, Fields, MessageName, Store, SystemName, place_of
from remit.messages import Query, Refusal, encode_reply
from remit.topology import System

__all__ = ["ask"]


def ask(
    system: SystemName,
    message: MessageName,
    fields: Fields = "{}",
    /,
    *,
    fresh: Annotated[
        bool, Parameter(negative="", help="Wait until everything that has happened so far has reached the answer.")
    ] = False,
    deadline: Deadline = None,
    store: Store = None,
    data: Data = None,
) -> int:
    """Ask one query and print its answer as JSON.

    The system runs in this process until the answer is there, beside a service that may be running on the same stores.
    A refusal is printed as JSON too, with exit code 3.
    """
    model = load_system(system)
    query = read_message(model, Query, message, fields)
    try:
        answer = asyncio.run(_ask(model, place_of(store, data), query, deadline, fresh=fresh))
    except Refusal as refusal:
        print(encode_reply(refusal).decode())
        return REFUSED
    print(msgspec.json.encode(answer).decode())
    return 0


async def _ask(model: System, place: str, query: Query[Any, Any], deadline: float | None, *, fresh: bool) -> Any:
    async with model.connect(store=place) as app:
        return await app.ask(query, deadline=deadline, fresh=fresh)
