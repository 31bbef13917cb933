"""A read model that rebuilds itself finds the whole log that it is made of."""

from __future__ import annotations

from remit.contexts import Model
from remit.contexts.annotations import is_kind, projected_by
from remit.contexts.declarations import line_of
from remit.contexts.retention import private_retention, published_retention
from remit.domain import Projection
from remit.errors import Findings
from remit.messages import DomainEvent


def check_short_logs(model: Model, findings: Findings) -> None:
    contexts = {each.name: each for each in model.contexts}
    for context in model.contexts:
        for projection in context.rebuilt_at_start:
            events = projected_by(projection) if is_kind(projection, Projection) else ()
            logs = [(model.owners.get(each, ""), is_kind(each, DomainEvent)) for each in events]
            for name, is_private in dict.fromkeys(logs):
                source, retention = contexts.get(name), private_retention if is_private else published_retention
                if source is None or source.keep is None or retention(source) != "deleted":
                    continue
                which = f"{'private' if is_private else 'published'} messages of {name}"
                findings.note(
                    "projection.short-log", line_of(projection),
                    f"{projection.__name__} is declared to rebuild itself, and the {which} that it is made of are"
                    f" deleted after {source.keep.days} days",
                    expected="a source whose old messages are archived or kept",
                    next=f'Context("{name}", archive=True) or keep=None; or leave out rebuild="at-start"',
                )  # fmt: skip
