"""One message as a person types it: found by its name, read from JSON."""

from __future__ import annotations

from typing import Any, TypeVar

from remit.errors import BadMessage
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.messages import Codec, Command, Contract, Query

__all__ = ["read_message"]

M = TypeVar("M", Command[Any, Any], Query[Any, Any])


def read_message(system: System, kind: type[M], name: str, fields: str) -> M:
    """The command or query called `name`, with these fields.

    Raises `ModelError`, `Failure` (no such message, or several) and `BadMessage` (the fields are not its fields).
    """
    known = [contract for contract in system.model().contracts.values() if issubclass(contract.message, kind)]
    contract = _find(known, name, kind.__name__.lower())
    codec: Codec[M] = Codec(contract.message, contract.type)
    try:
        return codec.read(fields)
    except BadMessage as error:
        names = ", ".join(f'"{field}"' for field in contract.message.__struct_fields__)
        raise BadMessage(
            error.what, where=error.where, expected=f"a JSON object with the fields {names}" if names else "{}",
            next=f"see class {contract.message.__name__} in {contract.message.__module__}",
        ) from None  # fmt: skip


def _find(known: list[Contract], name: str, kind: str) -> Contract:
    found = [c for c in known if name in (c.type, c.message.__name__, f"{c.type}@{c.version}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise Failure(
            "message.ambiguous", f"several messages are called {name}", where=name, expected=_names(found),
            next=f"give the wire name: {found[0].type}@{found[0].version}",
        )  # fmt: skip
    verb, other = ("send", "ask") if kind == "command" else ("ask", "send")
    raise Failure(
        "message.unknown", f"there is no {kind} of this name", where=name,
        expected=_names(known) or f"a declared {kind}",
        next=f"remit {verb} takes a {kind}; what is none goes by remit {other}",
    )  # fmt: skip


def _names(contracts: list[Contract]) -> str:
    return ", ".join(sorted(contract.type for contract in contracts))
