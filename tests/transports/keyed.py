"""Services with key pairs, and what they may do: front speaks for sales and for those outside, back for billing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.testing.conformance.calls import ADDRESS
from remit.transports import OUTSIDE, Grant
from remit.transports.grants import as_subject
from remit.transports.http.keys import Keys, Peer, new_pair

SERVICES = ("front", "back", "third")
PAIRS = {name: new_pair() for name in SERVICES}
SPEAKS: dict[str, Any] = {
    "front": {
        "sales": {ADDRESS: ["*"], "billing.read": ["Owed", as_subject("支付")], "billing.log": ["read"]},
        OUTSIDE: {ADDRESS: ["*"]},
    },
    "back": {"billing": {}},
    "third": {"stock": {ADDRESS: ["*"]}},
}


class Known:
    """Grants that a test may change."""

    def __init__(self) -> None:
        self.grants = {name: Grant(PAIRS[name].public, SPEAKS[name]) for name in SERVICES}
        self.newer: dict[str, Grant] | None = None
        """What the file says that was not read yet."""

    def of(self, service: str) -> Grant | None:
        return self.grants.get(service)

    def renew(self) -> bool:
        changed = self.newer is not None
        self.grants, self.newer = self.newer or self.grants, None
        return changed


class AnyPlace(dict[str, Peer]):
    """One service at every place."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    def get(self, key: str, default: Any = None) -> Peer:
        return self._peer


def peer(name: str) -> Peer:
    return Peer(name, PAIRS[name].public)


PEERS = AnyPlace(peer("back"))


def keys_of(
    name: str, *, known: Known | None = None, private: str = "", clock: Callable[[], float] | None = None
) -> Keys:
    """The keys of a service; with `private`, a process that only claims to be it."""
    more = {} if clock is None else {"clock": clock}
    return Keys(name, private or PAIRS[name].private, known or Known(), **more)
