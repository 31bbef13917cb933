"""Publishers as a unit of work calls them: held to what their annotations name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from remit.contexts import Handler
from remit.contexts.annotations import published_by
from remit.errors import NotDeclared


def held(publisher: Handler, context: str) -> Callable[..., Any]:
    """The function of a publisher. It raises `NotDeclared` for a result that the annotation does not name: its
    subscribers and the checks at start know nothing of it."""
    publish = publisher.function
    declared = published_by(publish)
    if not declared or hasattr(publish, "__remit_as__"):  # `publish_as` makes what it declares
        return publish

    def published(*given: Any) -> Any:
        made = publish(*given)
        if made is None or made.__class__ in declared:
            return made
        name = type(made).__name__
        raise NotDeclared(
            f"{publisher.name} returned {name}, which it does not declare", where=f"{context}.{publisher.name}",
            expected=" or ".join([*(each.__name__ for each in declared), "None"]),
            next="return one integration event that the return annotation names, or None; or name what it returns",
        )  # fmt: skip

    return published
