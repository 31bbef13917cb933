"""What is not `remit`: webhooks, polled APIs, and how their messages become commands of a context.

A source is passed to `Context.translate`.
"""

from remit.contexts.foreign import Fetched, Header, Polled, Source, Webhook
from remit.contexts.signatures import BodySignature, Signature, StandardSignature, StripeSignature

__all__ = [
    "BodySignature",
    "Fetched",
    "Header",
    "Polled",
    "Signature",
    "Source",
    "StandardSignature",
    "StripeSignature",
    "Webhook",
]
