"""Notes a handler that adds or removes aggregates of two classes: only one aggregate is written for a message.

The instructions of the function are read, without its branches. So it is a note: the two may exclude one another.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from remit.contexts import Context, Handler, Model
from remit.contexts.annotations import asked_by, is_kind
from remit.contexts.policies import bodies_of
from remit.domain import Aggregate
from remit.errors import Findings

_WRITES = ("add", "remove")


def check_one_aggregate(model: Model, findings: Findings) -> None:
    for context in model.contexts:
        for handler in dict.fromkeys(context.handlers):
            written = [each for body in bodies_of(handler.function) for each in _written(context, handler, body)]
            if len(names := list(dict.fromkeys(written))) > 1:
                findings.note(
                    "handler.two-aggregates", handler.place,
                    f"{handler.name} adds or removes {' and '.join(names)}: if it does both for one message, it is "
                    "refused when it runs",
                    expected="one aggregate per message, because it is the boundary of consistency",
                    next=f"record an event on {names[0]}, and write {names[1]} in a reaction to it",
                )  # fmt: skip


def _written(context: Context[Any], handler: Handler, body: Callable[..., Any]) -> Iterator[str]:
    """The names of the aggregates on whose repositories `add` or `remove` is called."""
    repositories = {
        asked.parameter: asked.subject.__name__
        for asked in asked_by(context, handler)
        if asked.injectable.of is Aggregate and is_kind(asked.subject, Aggregate)
    }
    code = getattr(inspect.unwrap(body), "__code__", None)
    for loaded, called in pairwise(dis.get_instructions(code)) if code and len(repositories) > 1 else ():
        if loaded.argval in repositories and called.argval in _WRITES:
            yield repositories[str(loaded.argval)]
