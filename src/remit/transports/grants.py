"""What each service may do: in whose name it may call, and what. Generated from the context map, and not secret.

A call has an address, such as `billing.write`, and at this address a subject: the name of the message; for the address
of a log `read`, `heads`, `standing` or `reach`; `PING` for the probe of a circuit breaker.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote_to_bytes

import msgspec

OUTSIDE = "_"
"""The speaker of calls that no handler makes: those of HTTP edges, and of programs beside the services."""
ANYTHING = "*"
"""In place of the subjects at an address: all of them."""
PING = "$ping"
"""The subject of a probe, which whoever may call anything at an address may send. No message has it."""
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")
_BYTES = ("utf-8", "surrogatepass")

Allowed = Mapping[str, Sequence[str]]
"""The subjects at each address: `{"billing.write": ["PlaceOrder"], "billing.read": ["*"]}`."""


class Grant(msgspec.Struct, frozen=True):
    """What one service may do."""

    public: str = ""
    """Its public key, if calls are proved by keys."""
    speaks: Mapping[str, Allowed] = {}
    """The names in which it may call, and what it may call in each: contexts, and `OUTSIDE`."""
    reads: Mapping[str, Allowed] | None = None
    """The types of the messages that it may read in each name, at the address of each log. `billing.*` stands for all
    types that begin so. None: all types. So it is in the grants of a release that did not write them."""


class Grants(Protocol):
    """The grants of all services of a system."""

    def of(self, service: str) -> Grant | None:
        """The grant of a service; None if there is no such service."""
        ...

    def renew(self) -> bool:
        """Reads the grants again if they have changed. Returns whether they have. Cheap enough for every call."""
        ...


def subject_of(kind: str, headers: Mapping[str, str]) -> str:
    """The subject of a request of this kind and with these headers. Only a command and a query have a message."""
    if kind == "ping":
        return PING
    message = headers.get("remit-type", "").rpartition(".")[2] if kind in ("command", "query") else ""
    return as_subject(message or kind)


def as_subject(name: str) -> str:
    """The name of a message as one word, which a broker can carry as part of an address. Two names never have the same
    subject: what is no ASCII letter, digit, - or _ is written as in a URL."""
    return _UNFIT.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode(*_BYTES)), name)


def name_in(subject: str) -> str:
    """The name of the message that has this subject: the inverse of `as_subject`."""
    return unquote_to_bytes(subject).decode(*_BYTES) if "%" in subject else subject


def readable(grant: Grant, speaker: str, address: str) -> Sequence[str] | None:
    """The types of the messages that a service may read of a log, in this name; None for all."""
    return None if grant.reads is None else grant.reads.get(speaker, {}).get(address, ())


def is_readable(type: str, types: Collection[str]) -> bool:
    """Whether these types, as `readable` gives them, include one type, or all that begin as it does."""
    return type in types or f"{type.partition('.')[0]}.{ANYTHING}" in types


def refusal(grant: Grant, speaker: str, address: str, subject: str) -> str:
    """Why a grant does not cover a call; empty if it does."""
    allowed = grant.speaks.get(speaker)
    if allowed is None:
        return "it runs no edge" if speaker == OUTSIDE else f"it does not run {speaker or 'what it speaks for'}"
    who = "those outside" if speaker == OUTSIDE else speaker
    subjects = allowed.get(address)
    if subjects is None:
        return f"the context map does not let {who} call {address}"
    if subject == PING or ANYTHING in subjects or subject in subjects:
        return ""
    return f"the context map does not let {who} call {name_in(subject)} of {address}"
