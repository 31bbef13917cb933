"""Interceptors, which run around the handlers of a context, and what each of them receives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from remit.messages import Message


class Invocation(Protocol):
    """One run of a handler, as an interceptor sees it."""

    @property
    def message(self) -> Message:
        """The command, query or event that is handled."""
        ...

    @property
    def context(self) -> str:
        """The name of the context whose handler runs."""
        ...

    @property
    def handler(self) -> str:
        """The name of the handler's function. For a method of a policy: the name of the class of the policy."""
        ...

    @property
    def role(self) -> str:
        """The role of the handler: `command`, `query`, `reaction` or `together`."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request that led to this run, by lower-case name. Only headers that
        `System(headers=...)` names. Empty if there are none."""
        ...

    async def proceed(self) -> Any:
        """Runs the next interceptor, or the handler. Returns the reply, or the refusal that the handler returned.

        Raises whatever the handler raises, and `RemitError` if it is called a second time.
        """
        ...


class Interceptor(Protocol):
    """An async function that runs around every run of every handler of a context: `Context(interceptors=[...])`.

    Its return value is the reply. It may return another reply than the handler; without a call of `proceed`, the
    handler does not run. An exception has the same effect as one that the handler raised. Once the handler has raised
    an exception, the run has failed, whatever an interceptor returns: nothing of it is committed.
    """

    async def __call__(self, invocation: Invocation, /) -> Any: ...
