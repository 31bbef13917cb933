"""Options that several commands share, and the places of the stores that they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, NamedTuple

from cyclopts import Parameter, Token

from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system, names_system
from remit.hosting.opening import Places
from remit.topology import DEFAULT_STORE
from remit.topology.file import Topology, read_topology
from remit.topology.stores import STORE_FORMS, stores_in

_TRANSLATION = re.compile(r"[a-z][a-z0-9_-]*\.foreign:[a-z][a-z0-9_-]*")
"""The name of the subscription that translates messages of a foreign source. It has a `:` as places of systems do."""


def not_empty(_: object, value: str | None) -> None:
    """Refuses an option that was given as empty: it would silently mean something else."""
    if value == "":
        raise ValueError("It is empty. Is a variable not set?")


def whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number. A number with a fraction is refused, not rounded."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


SystemName = Annotated[
    str,
    Parameter(
        name="SYSTEM",
        help="The system: module:attribute, or a module with exactly one system, searched from the working directory; "
        "or . for the system that pyproject.toml there names.",
    ),
]
StoresOf = Annotated[
    str | None,
    Parameter(
        name="SYSTEM",
        help="Whose stores: a topology file or a system. Default: all stores that --store or --data names.",
    ),
]
Store = Annotated[
    str | None,
    Parameter(
        name="--store",
        validator=not_empty,
        help=f"Where the stores are: {STORE_FORMS}, with {{context}} for the name of a context; or a topology file",
    ),
]
Data = Annotated[
    str | None,
    Parameter(
        name="--data", validator=not_empty, help="Folder of the stores, one SQLite file per context. Default: data"
    ),
]
Subscription = Annotated[
    str, Parameter(name="SUBSCRIPTION", help="Name of the subscription, as remit status shows it.")
]
Listen = Annotated[
    list[str] | None,
    Parameter(
        name="--listen", negative="", help="module:function that receives the events of the process. Repeatable."
    ),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of text.")]
ErrorsAsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="Print errors as JSON too. Answers and refusals always are.")
]
MessageName = Annotated[str, Parameter(name="MESSAGE", help="Wire name (context.Name) or class name of the message.")]
Fields = Annotated[
    str,
    Parameter(
        name="JSON", allow_leading_hyphen=True, help="Fields of the message as a JSON object; - reads standard input."
    ),
]

Key = Annotated[
    str | None,
    Parameter(
        name="--key",
        validator=not_empty,
        help="Idempotency key: the same command with the same key is applied once.",
    ),
]
Deadline = Annotated[float | None, Parameter(name="--deadline", help="Seconds the call may take. Default: 10")]


class Named(NamedTuple):
    """What the words after a command name."""

    subscription: str | None
    key: str
    """Empty if no key is needed."""
    system: str | None


def named(*given: str | None, key: str | None = None, needs_key: bool = False) -> Named:
    """Parses words: a subscription, and the system at any position. With `needs_key`, a key follows the subscription,
    unless `key` is given. Raises `Failure` for other words."""
    words = [word for word in given if word is not None]
    needs_key = needs_key and key is None
    is_key = needs_key and len(words) == 1 and not is_topology(words[0])  # a key may have any form
    system = None if is_key else _system_among(words)
    if system is not None:
        words.remove(system)
    if needs_key:
        if not words:
            raise Failure("cli.usage", "no key was given", where="remit", expected="KEY, or --key KEY",
                          next="remit parked list SYSTEM shows the parked keys")  # fmt: skip
        key = words.pop()
    strange = [word for word in words if not _is_subscription(word)] or words[1:]
    if strange:
        raise Failure(
            "cli.usage", f"{strange[0]!r} is neither a subscription nor a system here", where="remit",
            expected="CONTEXT.NAME as remit status shows it; a topology file, module:attribute or a module of a system",
            next=f"if it is a key, give it as --key {strange[0]}",
        )  # fmt: skip
    return Named(words[0] if words else None, key or "", system)


def settled(*given: str | None) -> tuple[str, str | None]:
    """The subscription among words, and the system if one is given. Raises `Failure` as `named` does, and if there is
    no subscription."""
    subscription, _, system = named(*given)
    if subscription is None:
        raise Failure("cli.usage", "no subscription was given", where="remit", expected="SUBSCRIPTION",
                      next="remit status SYSTEM shows the subscriptions")  # fmt: skip
    return subscription, system


def _is_subscription(word: str) -> bool:
    return _TRANSLATION.fullmatch(word) is not None or ("." in word and ":" not in word)


def _system_among(words: Sequence[str]) -> str | None:
    """Imports as few modules as possible: none if a topology file is given."""
    words = [word for word in words if not _TRANSLATION.fullmatch(word)]
    likely = sorted(words, key=lambda word: (not is_topology(word), ":" not in word))
    return next((word for word in likely if is_topology(word) or names_system(word)), None)


def place_of(store: str | None, data: str | None) -> str:
    """The store that --store or --data names. Raises `Failure` if both are given."""
    if store is not None and data is not None:
        raise Failure(
            "cli.usage", "--store and --data cannot be given together", where="remit",
            expected="one of them or neither", next=f"remove --data {data}",
        )  # fmt: skip
    if data is not None:
        return stores_in(data)
    return DEFAULT_STORE if store is None else store


def places_at(store: str | None, data: str | None) -> Places:
    """The places of the stores that --store or --data names. Raises `Failure` and `ModelError`."""
    return Places.at(place_of(store, data))


def places_of(system: str | None, store: str | None, data: str | None) -> Places:
    """The places of the stores of a topology file or a system, or those that --store or --data names.

    Raises `Failure` and `ModelError`.
    """
    if system is None:
        return places_at(store, data)
    if is_topology(system):
        refuse_places(store=store, data=data)
        return Places.at(system)
    return places_at(store, data)._replace(named=find_system(system).names)


def located(system: str, store: str | None, data: str | None = None) -> tuple[System, Places, Topology | None]:
    """The system, the places of its stores, and the topology if a topology file was given. A secret that is missing is
    reported by what reads it.

    Raises `Failure` and `ModelError`.
    """
    if not is_topology(system):
        return find_system(system), places_at(store, data), None
    refuse_places(store=store, data=data)
    topology = read_topology(system, whole=False)
    return find_system(topology.system), Places(topology.stores), topology


def is_topology(system: str) -> bool:
    """Whether the argument for a system is a topology file."""
    return system.endswith(".toml")


def refuse_places(**given: object) -> None:
    """Raises `Failure` for options that repeat what a topology file defines: stores and addresses."""
    names = [f"--{name}" for name, value in given.items() if value is not None]
    if names:
        raise Failure(
            "cli.usage", f"{' and '.join(names)} cannot be given with a topology", where="remit",
            expected="stores and addresses in the file", next="write them there: [stores], [services.NAME] http",
        )  # fmt: skip
