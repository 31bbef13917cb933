"""Notes a webhook whose messages are known by a header that its signature does not cover."""

from __future__ import annotations

from remit.contexts import Header, Model, Webhook
from remit.contexts.declarations import where
from remit.errors import Findings


def check_unsigned_keys(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for each in context.translations:
            source = each.source
            if not isinstance(source, Webhook) or not isinstance(source.key, Header):
                continue
            is_ordered = source.version is not None or source.at is not None
            if not is_ordered and source.key.name.lower() not in source.verify.signed_headers:
                findings.note(
                    "webhook.unsigned-key", where(each.function),
                    f"the messages of {source.name} are known by the header {source.key.name}, which is not signed:"
                    " whoever has recorded a request can send it again under another key",
                    expected="a key from the body, or version= or at=, by which an old message is ignored",
                    next="key=<function of the message>, or entity= and version=",
                )  # fmt: skip
