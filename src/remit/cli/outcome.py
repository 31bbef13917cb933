"""One call from the command line: the message as a user types it, and its receiver."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from msgspec import ValidationError

from remit.cli.options import is_topology, place_of, refuse_places
from remit.cli.screen import REFUSED, say
from remit.contexts import Sender
from remit.errors import BadMessage, nearest
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import load_system
from remit.hosting.opening import Places, require_some
from remit.messages import Codec, Command, Contract, Message, Query, Refusal, encode_reply, reply_of
from remit.topology import DEFAULT_STORE
from remit.topology.file import read_topology
from remit.topology.secret import Secret

M = TypeVar("M", Command[Any, Any], Query[Any, Any])


def read_message(system: System, kind: type[M], name: str, fields: str) -> M:
    """The command or query named `name`, with these fields. `-` reads the fields from standard input.

    Raises `ModelError`, `Failure` (no such message or several, or an unknown option in place of the fields) and
    `BadMessage` (the fields do not make the message).
    """
    fields = _given(fields)
    contract = _find([*system.model().contracts.values()], name, kind)
    codec: Codec[M] = Codec(contract.message, contract.type)
    try:
        return codec.read(fields)
    except BadMessage as error:
        names = ", ".join(f'"{field}"' for field in contract.message.__struct_fields__)
        wanted = f"a JSON object with the fields {names}" if names else "{}"
        raise BadMessage(
            _HALF_SAID if not isinstance(error.__cause__, ValidationError) and _has_half(fields) else error.what,
            where=error.where, expected=codec.choices(error.__cause__) or wanted,
            next=f"see class {contract.message.__name__} in {contract.message.__module__}",
        ) from None  # fmt: skip


_HALF = re.compile(
    r"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]",
)
_HALF_SAID = "a text has half of a surrogate pair, such as \\ud800 alone, which is no character"


def _has_half(fields: str) -> bool:
    return _HALF.search(fields.replace(r"\\", "")) is not None


_OPTIONS = ("--key", "--fresh", "--fresh-key", "--deadline", "--store", "--data", "--json")
"""The options of `remit send` and `remit ask`."""


def _given(fields: str) -> str:
    if fields == "-":
        try:
            return sys.stdin.buffer.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Failure("cli.usage", "standard input is not valid UTF-8", where="remit", expected="JSON in UTF-8",
                          next="send the fields in UTF-8") from None  # fmt: skip
    if fields.startswith("-"):
        option = fields.partition("=")[0]
        near = nearest(option, _OPTIONS)
        raise Failure(
            "cli.usage", f"there is no option {option} here", where="remit",
            expected="the fields as a JSON object, or - for standard input",
            next=f"did you mean {near}?" if near else "remit send --help",
        )  # fmt: skip
    return fields


def _find(contracts: list[Contract], name: str, kind: type[Message]) -> Contract:
    known = [each for each in contracts if issubclass(each.message, kind)]
    found = [each for each in known if name in _names_of(each)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Failure(
            "message.ambiguous", f"several messages are named {name}", where=name, expected=_names(found),
            next=f"give the wire name: {found[0].type}@{found[0].version}",
        )  # fmt: skip
    wanted = _KINDS[kind]
    others = [each for each in contracts if name in _names_of(each)]
    what = f"{name} is {_kind_of(others[0])}" if others else f"there is no {kind.__name__.lower()} of this name"
    raise Failure(
        "message.unknown", what, where=name, expected=_names(known) or wanted,
        next=_instead(others, contracts, name) or f"choose one of these: remit {_COMMANDS[wanted]} takes {wanted}",
    )  # fmt: skip


_KINDS: dict[type[Message], str] = {Command: "a command", Query: "a query"}
_COMMANDS = {"a command": "send", "a query": "ask"}


def _kind_of(contract: Contract) -> str:
    return next((word for kind, word in _KINDS.items() if issubclass(contract.message, kind)), "an event")


def _names_of(contract: Contract) -> tuple[str, str, str]:
    return contract.type, contract.message.__name__, f"{contract.type}@{contract.version}"


def _instead(others: list[Contract], contracts: list[Contract], name: str) -> str:
    """Advice for a name of another kind of message (`others`), or for a misspelt one. Empty if no name is near."""
    if not others:
        called = {each: contract for contract in contracts for each in _names_of(contract)[:2]}
        near = nearest(name, [each for each, contract in called.items() if _kind_of(contract) in _COMMANDS])
        if near is None:
            return ""
        return f"did you mean {near}? {_typed(called[near])}"
    sendable = [each for each in others if _kind_of(each) in _COMMANDS]
    return _typed(sendable[0]) if sendable else ""


def _typed(contract: Contract) -> str:
    return f"remit {_COMMANDS[_kind_of(contract)]} SYSTEM {contract.type} '{{...}}'"


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

    def require_stores(self) -> None:
        """Raises `Failure` if the system runs here on stores of which none is made yet. A store in memory is a trial,
        and needs none."""
        places = Places({"default": Secret(self.store)})
        technology = places.of("any").technology
        if self.topology is None and technology is not None and technology.durable:
            require_some(places, self.system.names)


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
