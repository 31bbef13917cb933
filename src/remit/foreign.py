"""What is not `remit`: webhooks, polled APIs, and how their messages become commands of a context; and calls out.

A source is passed to `Context.translate`, a gateway to `Context.provide`.
"""

from remit.contexts.foreign import Fetched, Header, Polled, Source, Webhook
from remit.contexts.gateways import Gateway
from remit.contexts.signatures import BodySignature, Signature, StandardSignature, StripeSignature

__all__ = [
    "BodySignature",
    "Fetched",
    "Gateway",
    "Header",
    "Polled",
    "Signature",
    "Source",
    "StandardSignature",
    "StripeSignature",
    "Webhook",
]
