"""One context talks to an outside service: others ask that context, and do not know the service."""

from __future__ import annotations

from collections.abc import Iterator

from remit.boundaries.code import Code
from remit.boundaries.codemap import Outside
from remit.boundaries.rules.foreign import imports_of
from remit.contexts import AntiCorruptionLayer, Foreign
from remit.errors import Findings

SERVICES = (
    "adyen", "auth0", "braintree", "easypost", "hubspot", "intercom", "klarna", "mailchimp_marketing", "mailgun",
    "mollie", "paypalrestsdk", "plaid", "postmarker", "razorpay", "sendgrid", "shippo", "slack_sdk", "square", "stripe",
    "taxjar", "twilio", "vonage",
)  # fmt: skip
"""Packages that are clients of one outside service. Several contexts that import one share what the service knows."""


def check_gateways(code: Code, findings: Findings) -> None:
    """Reports each outside service that several contexts reach: by a relation, or by importing its client."""
    named = {package for outside in code.map.foreign for package in outside.imported}
    known = [Outside(name=package) for package in SERVICES if package not in named]
    for outside in (*code.map.foreign, *known):
        reached: dict[str, str] = {}
        for context, where in (*_declared(outside, code), *_imported(outside, code)):
            reached.setdefault(context, where)
        if len(reached) > 1:
            contexts = " and ".join(map(repr, reached))
            others = "; ".join(f"{context} at {where}" for context, where in reached.items())
            findings.report(
                "gateway.shared", next(iter(reached.values())),
                f"contexts {contexts} all reach the outside service {outside.name!r} ({others})",
                expected="one context with an anti-corruption layer towards it",
                next="let one of them own the service, and the others call it or follow its events",
                contexts=(*reached,), identity=f"{outside.name}: {', '.join(sorted(reached))}",
            )  # fmt: skip


def _declared(outside: Outside, code: Code) -> Iterator[tuple[str, str]]:
    for relation in code.map.relations:
        if isinstance(relation, AntiCorruptionLayer) and isinstance(relation.upstream, Foreign):
            upstream, downstream = relation.names
            if upstream == outside.name:
                yield downstream, code.map.place_of(relation)


def _imported(outside: Outside, code: Code) -> Iterator[tuple[str, str]]:
    for importer, use, _ in imports_of(outside, code):
        owner = code.owner_of(importer)
        if owner is not None:
            yield owner, code.place(importer, use.line)
