"""Options that several commands share, and where the stores are that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from cyclopts import Parameter, Token

from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import find_system, names_system
from remit.hosting.opening import Places
from remit.topology.file import Topology, read_topology
from remit.topology.stores import DEFAULT_STORE, STORE_FORMS, stores_in


def not_empty(_: object, value: str | None) -> None:
    """Refuses an option that was given and says nothing, which would quietly mean something else."""
    if value == "":
        raise ValueError("It is empty: is a variable not set?")


def whole(_: object, tokens: Sequence[Token]) -> int:
    """A whole number as it was typed: nothing is rounded."""
    text = tokens[0].value
    if not text.removeprefix("-").isdecimal() or not text.isascii():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


SystemName = Annotated[
    str,
    Parameter(
        name="SYSTEM",
        help="The system: module:attribute, or a module that holds one, found from the working directory; "
        "or . for the one that pyproject.toml there names.",
    ),
]
StoresOf = Annotated[
    str | None,
    Parameter(
        name="SYSTEM",
        help="Whose stores: a topology file, or a system. Default: all that --store or --data names.",
    ),
]
Store = Annotated[
    str | None,
    Parameter(
        name="--store",
        validator=not_empty,
        help=f"Where the stores are: {STORE_FORMS}, with {{context}} for a context's name; or a topology file",
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
        name="--listen", negative="", help="module:function that is told what happens in the process. Repeatable."
    ),
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON instead of text.")]
ErrorsAsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="Print errors as JSON too. An answer and a refusal always are.")
]
MessageName = Annotated[str, Parameter(name="MESSAGE", help="Wire name (context.Name) or class name of the message.")]
Fields = Annotated[
    str,
    Parameter(
        name="JSON", allow_leading_hyphen=True, help="The message's fields as a JSON object; - reads standard input."
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
    """Empty where none is needed."""
    system: str | None


def named(*given: str | None, key: str | None = None, needs_key: bool = False) -> Named:
    """Takes words apart: a subscription, and the system wherever it stands; with `needs_key` a key behind the
    subscription, unless it is given already. Raises `Failure` for any other words."""
    words = [word for word in given if word is not None]
    needs_key = needs_key and key is None
    is_key = needs_key and len(words) == 1 and not is_topology(words[0])  # it may look like anything
    system = None if is_key else _system_among(words)
    if system is not None:
        words.remove(system)
    if needs_key:
        if not words:
            raise Failure("cli.usage", "which key?", where="remit", expected="KEY, or --key KEY",
                          next="remit parked list SYSTEM shows them")  # fmt: skip
        key = words.pop()
    strange = [word for word in words if "." not in word or ":" in word] or words[1:]
    if strange:
        raise Failure(
            "cli.usage", f"{strange[0]!r} is neither a subscription nor a system here", where="remit",
            expected="CONTEXT.NAME as remit status shows it; a topology file, module:attribute or a module of a system",
            next=f"if it is a key, name the key with --key {strange[0]}",
        )  # fmt: skip
    return Named(words[0] if words else None, key or "", system)


def settled(*given: str | None) -> tuple[str, str | None]:
    """The subscription among words that is to be settled, and the system if one is given. Raises `Failure` as `named`,
    and without a subscription."""
    subscription, _, system = named(*given)
    if subscription is None:
        raise Failure("cli.usage", "which subscription?", where="remit", expected="SUBSCRIPTION",
                      next="remit parked list SYSTEM shows them")  # fmt: skip
    return subscription, system


def _system_among(words: Sequence[str]) -> str | None:
    """As few modules as possible are imported: none where a topology file is given."""
    likely = sorted(words, key=lambda word: (not is_topology(word), ":" not in word))
    return next((word for word in likely if is_topology(word) or names_system(word)), None)


def place_of(store: str | None, data: str | None) -> str:
    """The store that --store or --data names. Raises `Failure` when both are given."""
    if store is not None and data is not None:
        raise Failure(
            "cli.usage", "--store and --data name the same thing twice", where="remit",
            expected="one of them or neither", next=f"leave out --data {data}",
        )  # fmt: skip
    if data is not None:
        return stores_in(data)
    return DEFAULT_STORE if store is None else store


def places_at(store: str | None, data: str | None) -> Places:
    """Where the stores are that --store or --data names. Raises `Failure`, `ModelError`."""
    return Places.at(place_of(store, data))


def places_of(system: str | None, store: str | None, data: str | None) -> Places:
    """Where the stores are of a topology file or a system, or of whatever --store or --data names.

    Raises `Failure`, `ModelError`.
    """
    if system is None:
        return places_at(store, data)
    if is_topology(system):
        refuse_places(store=store, data=data)
        return Places.at(system)
    return places_at(store, data)._replace(named=find_system(system).names)


def located(
    system: str, store: str | None, data: str | None = None, *, whole: bool = True
) -> tuple[System, Places, Topology | None]:
    """What is given for a system: itself, where its stores are, and the topology file if it is given by one.

    Raises `Failure`, `ModelError`.
    """
    if not is_topology(system):
        return find_system(system), places_at(store, data), None
    refuse_places(store=store, data=data)
    topology = read_topology(system, whole=whole)
    return find_system(topology.system), Places(topology.stores), topology


def is_topology(system: str) -> bool:
    """Whether what was given for a system is a topology file."""
    return system.endswith(".toml")


def refuse_places(**given: object) -> None:
    """A topology says itself where stores are, and where services listen. Raises `Failure` for options that do too."""
    names = [f"--{name}" for name, value in given.items() if value is not None]
    if names:
        raise Failure(
            "cli.usage", f"{' and '.join(names)} cannot be given with a topology", where="remit",
            expected="stores and addresses in the file", next="write them there: [stores], [services.NAME] http",
        )  # fmt: skip
