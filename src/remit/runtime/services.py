"""The services that users provide: made when a process starts, closed when it stops."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any

from remit.contexts.declarations import where
from remit.errors import ServiceError
from remit.runtime.plan import ContextPlan, ServicePlan


class Services:
    """The services of some contexts."""

    def __init__(
        self, plans: Iterable[ContextPlan], made: Callable[[str, Any], None] = lambda context, made: None
    ) -> None:
        """`made` is told of each service that was made, with its context."""
        self._told = made
        self._plans = [(plan.name, service) for plan in plans for service in plan.services]
        self._made: dict[str, dict[type, Any]] = {}
        self._opened = AsyncExitStack()

    def of(self, context: str) -> Mapping[type, Any]:
        """The services of a context, by type; empty until `open`."""
        return self._made.setdefault(context, {})

    async def open(self) -> None:
        """Makes each service, in the order of `provide`. Raises `ServiceError` from the exception of its factory, and
        for a factory that makes something else."""
        for context, service in self._plans:
            place = f"{context}.provide({service.type.__name__}, ...) at {where(service.make)}"
            try:
                made = await self._make(service)
            except Exception as error:
                raise ServiceError(
                    f"making {service.type.__name__} failed: {type(error).__name__}: {error}",
                    where=place,
                    expected="the service, at start",
                    next="correct what it needs, or what it does; the traceback shows where it failed",
                ) from error
            if not _may_be(made, service.type):
                raise ServiceError(
                    f"what was made for {service.type.__name__} is of type {type(made).__name__}", where=place,
                    expected=f"an instance of {service.type.__name__} or of a subclass",
                    next=f"return a {service.type.__name__}, or provide it as what it is",
                )  # fmt: skip
            self._told(context, made)
            self._made.setdefault(context, {})[service.type] = made

    async def close(self) -> None:
        """Exits the context managers that were entered, last first."""
        await self._opened.aclose()

    async def _make(self, service: ServicePlan) -> Any:
        made = service.make()
        if inspect.iscoroutine(made):
            made = await made
        # Only classes that inherit from it, as those of `contextlib` do. A lock or a client that merely can be entered
        # is passed on unentered.
        if AbstractAsyncContextManager in type(made).__mro__:
            return await self._opened.enter_async_context(made)
        if AbstractContextManager in type(made).__mro__:
            return self._opened.enter_context(made)
        return made


def _may_be(made: Any, declared: type) -> bool:
    """Whether it is an instance of the class. True for a protocol that cannot be asked."""
    try:
        return isinstance(made, declared)
    except TypeError:
        return True
