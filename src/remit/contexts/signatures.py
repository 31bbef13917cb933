"""Signatures of webhooks: HMAC-SHA-256 over the bytes of the body, in the forms that are common."""

from __future__ import annotations

import base64
import binascii
import hmac
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

MINUTES_5 = timedelta(minutes=5)
_LONGEST_HEADER = 4096


class Signature(ABC):
    """Checks who has sent a request. Subclass it for another scheme.

    `secrets` are the names of environment variables with the secrets, of which at least one has to be set. A signature
    by any of them is accepted, so that a secret can be replaced without a gap.
    """

    secrets: tuple[str, ...]
    signed_headers: ClassVar[frozenset[str]] = frozenset()
    """The headers that are signed too, by lower-case name."""

    @abstractmethod
    def fault(self, headers: Mapping[str, str], body: bytes, now: float, secrets: Sequence[bytes]) -> str | None:
        """Why the request is not accepted; None if it is. `headers` have lower-case names. `now` is in seconds since
        the epoch. `secrets` are the values of the variables that are set.

        The text is logged, and neither it nor anything else may contain a secret.
        """


@dataclass(frozen=True, init=False)
class BodySignature(Signature):
    """The body is signed, without a time: `BodySignature("GITHUB_SECRET", header="X-Hub-Signature-256",
    prefix="sha256=")`.

    A recorded request can be sent again at any time. It is recognised by its key for 7 days, and by its version.
    """

    secrets: tuple[str, ...]
    header: str
    prefix: str
    encoding: Literal["hex", "base64"]

    def __init__(
        self, *secrets: str, header: str, prefix: str = "", encoding: Literal["hex", "base64"] = "hex"
    ) -> None:
        for name, value in {"secrets": secrets, "header": header, "prefix": prefix, "encoding": encoding}.items():
            object.__setattr__(self, name, value)

    def fault(self, headers: Mapping[str, str], body: bytes, now: float, secrets: Sequence[bytes]) -> str | None:
        given = headers.get(self.header.lower())
        if given is None:
            return f"there is no header {self.header}"
        if not given.startswith(self.prefix):
            return f"the header {self.header} does not begin with {self.prefix!r}"
        signature = _decoded(given[len(self.prefix) :], self.encoding)
        return None if any(_is_signed(body, secret, [signature]) for secret in secrets) else _WRONG


@dataclass(frozen=True, init=False)
class StripeSignature(Signature):
    """Time and body are signed, as by Stripe: `Stripe-Signature: t=1700000000,v1=<hex>`.

    A request whose time is more than `tolerance` away from the clock of this process is not accepted.
    """

    secrets: tuple[str, ...]
    header: str
    tolerance: timedelta

    def __init__(self, *secrets: str, header: str = "Stripe-Signature", tolerance: timedelta = MINUTES_5) -> None:
        for name, value in {"secrets": secrets, "header": header, "tolerance": tolerance}.items():
            object.__setattr__(self, name, value)

    def fault(self, headers: Mapping[str, str], body: bytes, now: float, secrets: Sequence[bytes]) -> str | None:
        given = headers.get(self.header.lower())
        if given is None or len(given) > _LONGEST_HEADER:
            return f"there is no header {self.header} of usual length"
        parts = [part.strip().partition("=") for part in given.split(",")]
        time = next((value for name, _, value in parts if name == "t"), "")
        if fault := _away(time, now, self.tolerance):
            return fault
        signatures = [_decoded(value, "hex") for name, _, value in parts if name == "v1"]
        signed = time.encode() + b"." + body
        return None if any(_is_signed(signed, secret, signatures) for secret in secrets) else _WRONG


@dataclass(frozen=True, init=False)
class StandardSignature(Signature):
    """Identity, time and body are signed, after Standard Webhooks (https://www.standardwebhooks.com): the headers
    `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,<base64>`. Secrets are base64, with or without
    `whsec_` before them. `tolerance` is as in `StripeSignature`. `key=Header("webhook-id")` identifies a delivery.
    """

    signed_headers = frozenset({"webhook-id"})
    secrets: tuple[str, ...]
    tolerance: timedelta

    def __init__(self, *secrets: str, tolerance: timedelta = MINUTES_5) -> None:
        object.__setattr__(self, "secrets", secrets)
        object.__setattr__(self, "tolerance", tolerance)

    def fault(self, headers: Mapping[str, str], body: bytes, now: float, secrets: Sequence[bytes]) -> str | None:
        id, time, given = (headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
        if not (id and time and given) or len(given) > _LONGEST_HEADER:
            return "there are no headers webhook-id, webhook-timestamp and webhook-signature of usual length"
        if fault := _away(time, now, self.tolerance):
            return fault
        signatures = [_decoded(each[3:], "base64") for each in given.split() if each.startswith("v1,")]
        signed = b".".join((id.encode(), time.encode(), body))
        keys = [_decoded(secret.decode("latin-1").removeprefix("whsec_"), "base64") for secret in secrets]
        return None if any(key and _is_signed(signed, key, signatures) for key in keys) else _WRONG


_WRONG = "the signature does not fit the body and the secret"
_DIGITS = 12


def _is_signed(signed: bytes, secret: bytes, signatures: Sequence[bytes]) -> bool:
    """Compares in constant time. An empty secret signs nothing."""
    expected = hmac.digest(secret, signed, "sha256")
    return bool(secret) and any(hmac.compare_digest(expected, given) for given in signatures)


def _decoded(text: str, encoding: Literal["hex", "base64"]) -> bytes:
    """The bytes of a signature or a secret; empty if the text is not of this form."""
    try:
        return binascii.unhexlify(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _away(time: str, now: float, tolerance: timedelta) -> str | None:
    """Why the time of a signature is not accepted."""
    if not (time.isascii() and time.isdecimal() and len(time) <= _DIGITS):
        return "the signature has no time"
    late = now - int(time)
    if abs(late) > tolerance.total_seconds():
        return f"the signature is {abs(late):.0f} s {'old' if late > 0 else 'ahead'}"
    return None
