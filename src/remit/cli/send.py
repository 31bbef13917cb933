"""`remit send`: sends one command, in this process or to services."""

from __future__ import annotations

from remit.cli.options import Data, Deadline, ErrorsAsJson, Fields, Key, MessageName, Store, SystemName
from remit.cli.outcome import Callee, print_outcome, read_message
from remit.messages import Command


def send(
    system: SystemName,
    message: MessageName,
    fields: Fields = "{}",
    /,
    *,
    key: Key = None,
    deadline: Deadline = None,
    store: Store = None,
    data: Data = None,
    json: ErrorsAsJson = False,
) -> int:
    """Send one command and print its reply as JSON.

    If SYSTEM is a topology file, its services are called. Otherwise the system runs in this process until the reply is
    there; a service may run on the same stores at the same time.
    A refusal is printed as JSON too, with exit code 3.
    """
    callee = Callee.named(system, store, data)
    command = read_message(callee.system, Command, message, fields)
    return print_outcome(callee, command, lambda app: app.send(command, key=key, deadline=deadline))
