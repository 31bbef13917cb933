"""Whatever is stored or travels can be written and read back: messages, replies, refusals, documents, keys."""

from __future__ import annotations

from typing import Any

from remit.contexts import Model
from remit.contexts.annotations import aggregates_of, is_kind, projections_of
from remit.contexts.declarations import where
from remit.errors import Findings
from remit.messages import Command, Message, Query, Refusal, not_a_key, not_carried, reply_of


def check_carried(model: Model, findings: Findings) -> None:
    aggregates = {kept for context in model.contexts for kept, _ in aggregates_of(context)}
    projections = {kept for context in model.contexts for kept in projections_of(context)}
    kept: list[type] = [*model.owners, *sorted(aggregates | projections, key=where)]
    for declared in kept:
        _check_carried(declared, declared, findings)
        _check_key(declared, "id" if declared in aggregates else getattr(declared, "__remit_key__", None), findings)
        if is_kind(declared, Command, Query):
            _check_answers(declared, findings)


def _check_answers(message: type[Message], findings: Findings) -> None:
    reply, refusals = reply_of(message)
    _check_carried(reply, message, findings)
    names: set[str] = set()
    for refusal in refusals:
        if not is_kind(refusal, Refusal):
            findings.report(
                "refusal.kind", where(message), f"{message.__name__} declares {refusal!r} as a refusal",
                expected="subclasses of Refusal: Command[Reply, OneRefusal | OtherRefusal]",
            )  # fmt: skip
            continue
        if refusal.__name__ in names:
            findings.report(
                "refusal.collision", where(message),
                f"{message.__name__} declares two refusals called {refusal.__name__}",
                expected="one refusal per name: the wire knows it by its name", next="rename one of them",
            )  # fmt: skip
        names.add(refusal.__name__)
        _check_carried(refusal, message, findings)


def _check_carried(declared: Any, message: type, findings: Findings) -> None:
    why = not_carried(declared)
    if why is not None:
        findings.report(
            "message.not-encodable", where(message), f"{getattr(declared, '__name__', declared)} cannot travel: {why}",
            expected="types JSON can carry: str, int, bool, float, Decimal, datetime, UUID, list, dict, Value, unions",
            next="tell them apart: class ...(Value, tag=True)" if "must be tagged" in why else "",
        )  # fmt: skip


def _check_key(declared: type, field: str | None, findings: Findings) -> None:
    """Identities and ordering keys are stored as texts."""
    if field is None or not_carried(declared) is not None:
        return
    why = not_a_key(declared, field)
    if why is not None:
        findings.report(
            "message.not-a-key", where(declared), f"{declared.__name__} cannot go by {field}: {why}",
            expected="a text, number, UUID, date or time, an enumeration of texts or numbers (StrEnum, IntEnum)",
            next="make a text of its parts, such as f'{row}-{seat}'",
        )  # fmt: skip
