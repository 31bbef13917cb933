"""Signatures of webhooks: what is accepted, and why anything else is not. Nothing tells the secret."""

from __future__ import annotations

import base64
import hmac
from datetime import timedelta

import pytest

from remit.foreign import BodySignature, Signature, StandardSignature, StripeSignature
from tests.acl.payments import signed

NOW = 1_700_000_000.0
BODY = b'{"id":"e-1"}'
HUB = BodySignature("S", header="X-Hub-Signature-256", prefix="sha256=")
SHOP = BodySignature("S", header="X-Shop-Hmac", encoding="base64")
STANDARD = StandardSignature("S")
STRIPE = StripeSignature("S")
KEY = base64.b64encode(b"secret of the sender")


def hub(secret: bytes, body: bytes = BODY) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.digest(secret, body, "sha256").hex()}


def stripe(secret: str, at: float = NOW) -> dict[str, str]:
    return {"stripe-signature": signed(BODY, at, secret)["Stripe-Signature"]}


def standard(key: bytes, at: float = NOW, id: str = "m-1") -> dict[str, str]:
    made = hmac.digest(base64.b64decode(key), b"m-1.%d." % at + BODY, "sha256")
    signature = f"v1,AAAA v1a,BBBB v1,{base64.b64encode(made).decode()}"
    return {"webhook-id": id, "webhook-timestamp": f"{at:.0f}", "webhook-signature": signature}


ACCEPTED: list[tuple[Signature, dict[str, str], list[bytes]]] = [
    (HUB, hub(b"new"), [b"new"]),
    (HUB, hub(b"old"), [b"new", b"old"]),
    (SHOP, {"x-shop-hmac": base64.b64encode(hmac.digest(b"new", BODY, "sha256")).decode()}, [b"new"]),
    (STRIPE, stripe("new"), [b"new"]),
    (STRIPE, stripe("new", NOW - 300), [b"new"]),
    (STRIPE, stripe("new", NOW + 300), [b"new"]),
    (STRIPE, {"stripe-signature": "v0=1," + stripe("new")["stripe-signature"] + ",v1=00"}, [b"old", b"new"]),
    (STANDARD, standard(KEY), [KEY]),
    (STANDARD, standard(KEY), [b"whsec_" + KEY]),
    (StripeSignature("S", tolerance=timedelta(hours=1)), stripe("new", NOW - 3000), [b"new"]),
]
REFUSED: list[tuple[Signature, dict[str, str], list[bytes], str]] = [
    (HUB, {}, [b"new"], "no header"),
    (HUB, {"x-hub-signature-256": "sha1=00"}, [b"new"], "does not begin"),
    (HUB, {"x-hub-signature-256": "sha256=no hex"}, [b"new"], "does not fit"),
    (HUB, {"x-hub-signature-256": "sha256="}, [b"new"], "does not fit"),
    (HUB, hub(b"other"), [b"new"], "does not fit"),
    (HUB, hub(b"new", b"{}"), [b"new"], "does not fit"),
    (HUB, hub(b""), [b""], "does not fit"),
    (SHOP, {"x-shop-hmac": "\u00e4"}, [b"new"], "does not fit"),
    (STRIPE, {}, [b"new"], "no header"),
    (STRIPE, stripe("other"), [b"new"], "does not fit"),
    (STRIPE, stripe("new", NOW - 301), [b"new"], "301 s old"),
    (STRIPE, stripe("new", NOW + 301), [b"new"], "301 s ahead"),
    (STRIPE, {"stripe-signature": "v1=00"}, [b"new"], "no time"),
    (STRIPE, {"stripe-signature": "t=-1,v1=00"}, [b"new"], "no time"),
    (STRIPE, {"stripe-signature": "t=1e9,v1=00"}, [b"new"], "no time"),
    (STRIPE, {"stripe-signature": "t=" + "9" * 5000}, [b"new"], "usual length"),
    (STRIPE, {"stripe-signature": f"t={NOW:.0f}"}, [b"new"], "does not fit"),
    (STANDARD, {}, [KEY], "no headers"),
    (STANDARD, standard(KEY, id="m-2"), [KEY], "does not fit"),
    (STANDARD, standard(KEY, NOW - 1000), [KEY], "1000 s old"),
    (STANDARD, standard(KEY), [b"not base64!"], "does not fit"),
]  # fmt: skip


@pytest.mark.parametrize(("signature", "headers", "secrets"), ACCEPTED)
def test_signature_is_accepted(signature: Signature, headers: dict[str, str], secrets: list[bytes]) -> None:
    assert signature.fault(headers, BODY, NOW, secrets) is None


@pytest.mark.parametrize(("signature", "headers", "secrets", "told"), REFUSED)
def test_signature_is_refused(signature: Signature, headers: dict[str, str], secrets: list[bytes], told: str) -> None:
    fault = signature.fault(headers, BODY, NOW, secrets)
    assert fault is not None
    assert told in fault
    assert KEY.decode() not in fault


def test_vector_of_standard_webhooks() -> None:
    """The example of the specification's reference libraries."""
    signature = StandardSignature("S")
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    assert signature.fault(headers, b'{"test": 2432232314}', 1614265330.0, [secret]) is None
