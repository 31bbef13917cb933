"""A publisher returns integration events, and no two publishers make the same one from a domain event."""

from __future__ import annotations

from typing import Any

from remit.contexts import Handler, Model
from remit.contexts.annotations import hints_of, is_kind, is_publisher, name_of, published_by, unresolved
from remit.contexts.declarations import where
from remit.contexts.publishing import misfits
from remit.errors import Findings
from remit.messages import IntegrationEvent, union_members

_BOUNDED = "Annotated[int, Meta(ge=-(2**53), le=2**53)], because a float holds every whole number only up to 2**53"


def check_publishers(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        made: dict[tuple[Any, Any], Handler] = {}
        for publisher in context.publishers:
            if not publisher.fits:
                continue
            _check_result(publisher, findings)
            _check_given(publisher, findings)
            _check_fields(publisher, findings)
            for event in published_by(publisher.function):
                first = made.setdefault((publisher.message, event), publisher)
                if first is not publisher:
                    _report_doubled(first, publisher, event, findings)


def _check_result(publisher: Handler, findings: Findings) -> None:
    function = publisher.function
    if unresolved(function) is not None:
        return
    result = hints_of(function).get("return")
    strange = [member for member in union_members(result) if not is_kind(member, IntegrationEvent, type(None))]
    if strange or not published_by(function):
        findings.report(
            "publisher.result", where(function), f"the return annotation of {publisher.name} is {name_of(result)}",
            expected="an integration event, or a union of integration events and None",
            next=f"def {publisher.name}(event: {publisher.message.__name__}) -> <IntegrationEvent> | None",
        )  # fmt: skip


def _check_given(publisher: Handler, findings: Findings) -> None:
    function = publisher.function
    if unresolved(function) is None and not is_publisher(function):
        findings.report(
            "publisher.parameters", where(function), f"{publisher.name} asks for more than a publisher can receive",
            expected="the event, and optionally its Envelope: a publisher runs inside the transaction",
            next=f"def {publisher.name}(event: {publisher.message.__name__}, envelope: Envelope) -> ...",
        )  # fmt: skip


def _check_fields(publisher: Handler, findings: Findings) -> None:
    """The fields that `publish_as` copies by name."""
    published: Any = getattr(publisher.function, "__remit_as__", None)
    if not is_kind(published, IntegrationEvent):
        return
    event = publisher.message.__name__
    for field, wanted, found in misfits(publisher.message, published):
        next = f"@context.publish({event}) def ...(event: {event}) -> {published.__name__}"
        if wanted is float and found is int:
            next = f"{event}.{field}: {_BOUNDED}; or {next}, with float(event.{field})"
        has = "has no such field" if found is None else f"has {_told(found)}"
        findings.report(
            "publisher.field", publisher.place,
            f"{published.__name__}.{field} is {_told(wanted)}, and {event} {has}",
            expected="a field of the same name whose values are all accepted, or a default in the integration event",
            next=next,
        )  # fmt: skip


def _told(type: Any) -> str:
    return str(type.__name__) if hasattr(type, "__supertype__") else name_of(type)  # a NewType is not a class


def _report_doubled(first: Handler, second: Handler, event: type, findings: Findings) -> None:
    findings.report(
        "publisher.doubled", second.place,
        f"{second.name} and {first.name} ({first.place}) both make {event.__name__} from {second.message.__name__}",
        expected="one publisher per domain event and version of an integration event",
        next="remove one of them, or let it make another version: class ...(..., name=..., version=2)",
    )  # fmt: skip
