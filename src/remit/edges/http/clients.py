"""Whose an idempotency key is: the keys of two clients do not meet, nor do those of HTTP and of who calls otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from remit.contexts import ClientOf

__all__ = ["caller_of"]

_EDGE = "http:"
"""What the callers of this edge begin with: no context has such a name. Alone it is all clients without credentials."""


def caller_of(scope: Mapping[str, Any], headers: Mapping[bytes, bytes], client_of: ClientOf | None) -> str:
    """Who gave the key of a request, as it is stored and sent to other services: a digest of who it is."""
    if client_of is None:
        return _named(headers.get(b"authorization", b"").strip(), b"authorization")
    return _named((client_of(scope) or "").encode(), b"client")


def _named(who: bytes, kind: bytes) -> str:
    """Neither credentials nor names of people are to be found in stores and logs."""
    return _EDGE + blake2b(who, digest_size=16, person=kind).hexdigest() if who else _EDGE
