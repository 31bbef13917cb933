"""The handler of a query does not ask for `Later` or `Events`, because its writes are dropped."""

from __future__ import annotations

from remit.contexts import QUERY, Model
from remit.contexts.annotations import announced_by, name_of, sent_later
from remit.errors import Findings


def check_deferred(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for command, handler in sent_later(context):
            if handler.role is QUERY:
                findings.report(
                    "query.later", handler.place,
                    f"{handler.name} answers {name_of(handler.message)} and asks for Later[{name_of(command)}]:"
                    " the writes of a query's handler are dropped, so the command would never be sent",
                    expected="Later[...] in the handler of a command or of an event",
                    next=f"make {name_of(handler.message)} a command, or remove Later[{name_of(command)}]",
                )  # fmt: skip
        told: list[tuple[type, object]] = []
        for event, handler in announced_by(context):
            if handler.role is QUERY and not any(handler is of and issubclass(event, base) for base, of in told):
                told.append((event, handler))  # a base class comes first, and its finding covers its subclasses
                findings.report(
                    "query.events", handler.place,
                    f"{handler.name} answers {name_of(handler.message)} and asks for Events[{name_of(event)}]:"
                    " the writes of a query's handler are dropped, so the event would never be published",
                    expected="Events[...] in the handler of a command or of an event",
                    next=f"make {name_of(handler.message)} a command, or remove Events[{name_of(event)}]",
                )  # fmt: skip
