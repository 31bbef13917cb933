"""What runs around the handlers of a context: interceptors, and what each is given."""

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
        """The name of the handler's function."""
        ...

    @property
    def role(self) -> str:
        """What the handler is: `command`, `query`, `reaction`, or `together`."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request that this run belongs to, by lower-case name: those that `System(headers=...)`
        names. Empty where there are none."""
        ...

    async def proceed(self) -> Any:
        """Runs the next interceptor, or the handler. Gives its reply, or the refusal that it returns. Raises what it
        raises, and `RemitError` where it is called a second time."""
        ...


class Interceptor(Protocol):
    """An async function that runs around each run of each handler of a context: `Context(interceptors=[...])`.

    It gives the reply. A reply of its own takes the place of the handler's, and without `proceed` the handler does not
    run. What it raises is as if the handler had raised it. When the handler has raised something, the run has failed,
    whatever an interceptor returns: nothing of it is committed.
    """

    async def __call__(self, invocation: Invocation, /) -> Any: ...
