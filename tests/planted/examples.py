"""The files of the examples in which violations are planted, and ways to write them down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.planted.copies import Planted, planted

BILLING, BILLING_API, BILLING_DOMAIN = (f"learning/billing/{name}.py" for name in ("handlers", "api", "domain"))
CERTIFICATION, CERTIFICATION_DOMAIN = (f"learning/certification/{name}.py" for name in ("handlers", "domain"))
ENROLLMENT, ENROLLMENT_API = (f"learning/enrollment/{name}.py" for name in ("handlers", "api"))
LEARNING_DOMAIN = "learning/learning/domain.py"
EDGE, SYSTEM = "learning/billing/edge.py", "learning/system.py"
CHECKOUT, FULFILMENT = "webshop_checkout/handlers.py", "webshop_fulfilment/handlers.py"
WEBSHOP = "webshop/system.py"
RELATIONS = '        OpenHost("enrollment"),'


def learning(edits: Mapping[str, Any], *also: str) -> Planted:
    return planted("learning", edits, *also)


def webshop(edits: Mapping[str, Any], *also: str) -> Planted:
    return planted("webshop", edits, *also)


def billed(text: str, *also: str) -> Planted:
    """A further declaration of billing."""
    return learning(
        {BILLING: (f"\n\nfrom datetime import UTC, datetime, timedelta\nfrom remit import *\n{text}")}, *also
    )


def routed(text: str, *also: str) -> Planted:
    """Further routes of billing."""
    return learning({EDGE: f"\nfrom learning.billing.api import *\n{text}"}, *also)
