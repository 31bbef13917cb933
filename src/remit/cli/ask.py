"""`remit ask`: asks one query, in this process or of services."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from remit.cli.options import Data, Deadline, ErrorsAsJson, Fields, MessageName, Store, SystemName, not_empty
from remit.cli.outcome import Callee, print_outcome, read_message
from remit.messages import Query


def ask(
    system: SystemName,
    message: MessageName,
    fields: Fields = "{}",
    /,
    *,
    fresh: Annotated[
        bool, Parameter(negative="", help="Wait until every earlier message has reached the answer.")
    ] = False,
    fresh_key: Annotated[
        str | None,
        Parameter(validator=not_empty, help="As --fresh, but only this ordering key must not be parked on the way."),
    ] = None,
    deadline: Deadline = None,
    store: Store = None,
    data: Data = None,
    json: ErrorsAsJson = False,
) -> int:
    """Ask one query and print its answer as JSON.

    If SYSTEM is a topology file, its services are called. Otherwise the system runs in this process until the answer is
    there; a service may run on the same stores at the same time. Stores that nothing has made yet are not made: only
    remit send and remit run begin a system.
    A refusal is printed as JSON too, with exit code 3.
    """
    callee = Callee.named(system, store, data)
    query = read_message(callee.system, Query, message, fields)
    callee.require_stores()
    wanted = fresh if fresh_key is None else fresh_key
    return print_outcome(callee, query, lambda app: app.ask(query, deadline=deadline, fresh=wanted))
