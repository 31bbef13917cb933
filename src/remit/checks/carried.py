"""Everything that is stored or sent can be written and read back: messages, replies, refusals, documents, keys."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, claims_by, is_kind, projections_of, records_of
from remit.contexts.declarations import where
from remit.domain import Claim, Projection
from remit.errors import Findings
from remit.messages import (
    Command,
    Message,
    Query,
    Refusal,
    instead_of,
    not_a_key,
    not_an_identity,
    not_carried,
    parameter_of,
    reply_of,
    without_text,
)


def check_carried(model: Model, findings: Findings) -> None:
    asked = [found for context in model.contexts for found in (*aggregates_of(context), *records_of(context))]
    aggregates: set[type] = {kept for kept, _ in asked}
    projections = {kept for context in model.contexts for kept in projections_of(context)}
    kept: list[type] = [*model.owners, *sorted(aggregates | projections, key=where)]
    for declared in kept:
        _check_carried(declared, declared, findings)
        _check_key(declared, "id" if declared in aggregates else getattr(declared, "__remit_key__", None), findings)
        _check_identity(declared, getattr(declared, "__remit_identity__", None), findings)
        if declared in projections:
            _check_documents(declared, findings)
        if is_kind(declared, Command, Query):
            _check_answers(declared, findings)
    for claim in {claim: None for context in model.contexts for claim, _ in claims_by(context)}:
        _report_key(claim, "value", without_text(next(iter(parameter_of(claim, Claim)), Any), "its value"), findings)


def _check_answers(message: type[Message], findings: Findings) -> None:
    reply, refusals = reply_of(message)
    _check_carried(reply, message, findings)
    names: set[str] = set()
    for refusal in refusals:
        if not is_kind(refusal, Refusal):
            findings.report(
                "refusal.kind", where(message), f"{message.__name__} declares {refusal!r} as a refusal",
                expected="subclasses of Refusal: Command[Reply, OneRefusal | OtherRefusal]",
                next=f"class {getattr(refusal, '__name__', 'OneRefusal')}(Refusal)",
            )  # fmt: skip
            continue
        if refusal.__name__ in names:
            findings.report(
                "refusal.collision", where(message),
                f"{message.__name__} declares two refusals named {refusal.__name__}",
                expected="one refusal per name, which is its wire name", next="rename one of them",
            )  # fmt: skip
        names.add(refusal.__name__)
        _check_carried(refusal, message, findings)


def _check_carried(declared: Any, message: type, findings: Findings) -> None:
    why = not_carried(declared)
    if why is not None:
        findings.report(
            "message.not-encodable", where(message),
            f"{getattr(declared, '__name__', declared)} cannot be stored or sent: {why}",
            expected="types that JSON has: str, int, bool, float, Decimal, datetime, UUID, list, dict, Value, unions",
            next=instead_of(declared, why),
        )  # fmt: skip


def _check_key(declared: type, field: str | None, findings: Findings) -> None:
    """Identities and ordering keys are stored as texts."""
    if field is None or not_carried(declared) is not None:
        return
    _report_key(declared, field, not_a_key(declared, field), findings)


def _check_identity(declared: type, field: str | None, findings: Findings) -> None:
    """Two values of the identity of a command are compared in their written form."""
    if field is not None and not_carried(declared) is None:
        _report_key(declared, field, not_an_identity(declared, field), findings)


def _check_documents(projection: type, findings: Findings) -> None:
    """The keys of documents are stored as texts."""
    key = next(iter(parameter_of(projection, Projection)), Any)
    if not_carried(key) is None:  # otherwise no event has a field of this type, and `check_carried` has reported it
        _report_key(projection, "key", without_text(key, "its key"), findings)


def _report_key(declared: type, by: str, why: str | None, findings: Findings) -> None:
    if why is not None:
        findings.report(
            "message.not-a-key", where(declared), f"{declared.__name__} cannot be identified by {by}: {why}",
            expected="a text, whole number, Decimal, UUID, date or time, an enumeration of texts or numbers "
            "(StrEnum, IntEnum)",
            next="make a text of its parts, such as f'{row}-{seat}' or f'{price:.2f}'",
        )  # fmt: skip
