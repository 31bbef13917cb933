"""One call from the command line: the message as a user types it, and its receiver."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from remit.cli.options import is_topology, place_of, refuse_places
from remit.cli.screen import REFUSED, say
from remit.contexts import Sender
from remit.errors import BadMessage
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import load_system
from remit.messages import Codec, Command, Contract, Message, Query, Refusal, encode_reply, reply_of
from remit.topology import DEFAULT_STORE
from remit.topology.file import read_topology

M = TypeVar("M", Command[Any, Any], Query[Any, Any])


def read_message(system: System, kind: type[M], name: str, fields: str) -> M:
    """The command or query named `name`, with these fields. `-` reads the fields from standard input.

    Raises `ModelError`, `Failure` (no such message or several, or an unknown option in place of the fields) and
    `BadMessage` (the fields do not make the message).
    """
    fields = _given(fields)
    known = [contract for contract in system.model().contracts.values() if issubclass(contract.message, kind)]
    contract = _find(known, name, kind.__name__.lower())
    codec: Codec[M] = Codec(contract.message, contract.type)
    try:
        return codec.read(fields)
    except BadMessage as error:
        names = ", ".join(f'"{field}"' for field in contract.message.__struct_fields__)
        wanted = f"a JSON object with the fields {names}" if names else "{}"
        raise BadMessage(
            error.what, where=error.where, expected=codec.choices(error.__cause__) or wanted,
            next=f"see class {contract.message.__name__} in {contract.message.__module__}",
        ) from None  # fmt: skip


def _given(fields: str) -> str:
    if fields == "-":
        try:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Failure("cli.usage", "standard input is not valid UTF-8", where="remit", expected="JSON in UTF-8",
                          next="send the fields in UTF-8") from None  # fmt: skip
    if fields.startswith("-"):
        raise Failure(
            "cli.usage", f"there is no option {fields.partition('=')[0]} here", where="remit",
            expected="the fields as a JSON object, or - for standard input", next="remit send --help",
        )  # fmt: skip
    return fields


def _find(known: list[Contract], name: str, kind: str) -> Contract:
    found = [c for c in known if name in (c.type, c.message.__name__, f"{c.type}@{c.version}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise Failure(
            "message.ambiguous", f"several messages are named {name}", where=name, expected=_names(found),
            next=f"give the wire name: {found[0].type}@{found[0].version}",
        )  # fmt: skip
    verb, other = ("send", "ask") if kind == "command" else ("ask", "send")
    raise Failure(
        "message.unknown", f"there is no {kind} of this name", where=name,
        expected=_names(known) or f"a declared {kind}",
        next=f"choose one of these, or use remit {other}: remit {verb} takes only a {kind}",
    )  # fmt: skip


def _names(contracts: list[Contract]) -> str:
    return ", ".join(sorted(contract.type for contract in contracts))


class Callee(NamedTuple):
    """The receiver of a call: a system that runs in this process on these stores, or the services of a topology."""

    system: System
    store: str = DEFAULT_STORE
    topology: str | None = None

    @classmethod
    def named(cls, system: str, store: str | None, data: str | None) -> Callee:
        """The receiver that the arguments name. Raises `Failure` and `ModelError`."""
        if not is_topology(system):
            return cls(load_system(system), place_of(store, data))
        refuse_places(store=store, data=data)
        return cls(load_system(read_topology(system, whole=False).system), topology=system)


def print_outcome(callee: Callee, message: Message, call: Callable[[Sender], Awaitable[Any]]) -> int:
    """Makes the call and prints its answer, or its refusal, as JSON. Returns the exit code."""
    try:
        answer = asyncio.run(_connected(callee, call))
    except Refusal as refusal:
        say(encode_reply(refusal).decode())
        return REFUSED
    say(Codec[Any](reply_of(type(message))[0]).encode(answer).decode())
    return 0


async def _connected(callee: Callee, call: Callable[[Sender], Awaitable[Any]]) -> Any:
    async with callee.system.connect(store=callee.store, topology=callee.topology) as app:
        return await call(app)
