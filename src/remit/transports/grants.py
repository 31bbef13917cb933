"""What each service may do: in whose name it may call, and what. Generated from the context map, and not secret.

A call has an address, such as `billing.write`, and at this address a subject: the name of the message; for the address
of a log `read`, `heads`, `standing` or `reach`; `ping` for the probe of a circuit breaker.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

OUTSIDE = "_"
"""The speaker of calls that no handler makes: those of HTTP edges, and of programs beside the services."""
ANYTHING = "*"
"""In place of the subjects at an address: all of them."""
PING = "ping"
_UNFIT = re.compile(r"[^A-Za-z0-9_-]")

Allowed = Mapping[str, Sequence[str]]
"""The subjects at each address: `{"billing.write": ["PlaceOrder"], "billing.read": ["*"]}`."""


class Grant(msgspec.Struct, frozen=True):
    """What one service may do."""

    public: str = ""
    """Its public key, if calls are proved by keys."""
    speaks: Mapping[str, Allowed] = {}
    """The names in which it may call, and what it may call in each: contexts, and `OUTSIDE`."""


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
    message = headers.get("remit-type", "").rpartition(".")[2] if kind in ("command", "query") else ""
    return as_subject(message or kind)


def as_subject(name: str) -> str:
    """The name of a message as one word, which a broker can carry as part of an address."""
    return _UNFIT.sub("_", name)


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
    return f"the context map does not let {who} call {subject} of {address}"
