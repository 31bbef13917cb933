"""The port for calls: carries a request to another process and brings back the response.

A channel carries bytes and does not interpret them. Deadlines, retries and circuit breakers belong to the runtime.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

DRAIN_SECONDS = 10.0
"""How long a closing channel waits for requests that have begun."""


class CallRequest(NamedTuple):
    """A request of one process to another.

    Header names are `content-type`, or lower-case words joined by dashes that begin with `remit-`. Values are printable
    ASCII. A channel carries these headers and no others.
    """

    kind: str
    headers: Mapping[str, str]
    body: bytes
    speaker: str = ""
    """In whose name it is made: a context whose handler or subscription makes it, or `OUTSIDE`. A channel that knows
    its services lets a service speak only for contexts that it runs. Empty in a request that no process of a system
    makes."""
    refused: str = ""
    """Why the receiving channel does not believe the request or does not allow it. Empty if it does."""
    reads: Collection[str] | None = None
    """In a request to read a log: the types of the messages that the speaker may read, as the grants name them. None:
    all. The receiving channel says so, if it knows the grants."""


class CallResponse(NamedTuple):
    """The response. `status` is "ok" or the code of an error."""

    status: str
    headers: Mapping[str, str]
    body: bytes


Answering = Callable[[CallRequest], Awaitable[CallResponse]]


def fitting(answer: CallResponse, max_bytes: int) -> CallResponse:
    """The response; if it is larger than the channel carries, an error in its place: `call.reply-too-large` instead of
    a reply. An error keeps its status, which tells whether something was changed, and loses its text."""
    if len(answer.body) <= max_bytes:
        return answer
    if answer.status != "ok":
        return answer._replace(body=b'{"what":"what went wrong is larger than the channel carries"}')
    what = (
        f'{{"what":"it was handled, and the reply has {len(answer.body)} bytes","expected":"at most {max_bytes} bytes",'
        f'"next":"ask for less at once; a command was applied or refused, and is not to be sent again"}}'
    )
    return CallResponse("call.reply-too-large", {}, what.encode())


@dataclass(frozen=True)
class CallCapabilities:
    """What a call channel can do, as data."""

    max_bytes: int
    """The largest body of a request or response."""
    finds_services: bool
    """Whether the channel finds the processes that serve an address; otherwise the topology names them."""


class CallChannel(Protocol):
    """Carries requests to one of the processes that serve an address, and brings back the response."""

    @property
    def capabilities(self) -> CallCapabilities:
        """As far as known: a broker that is away has not yet told its limits."""
        ...

    async def open(self) -> None:
        """Connects. Returns even if the other side is away; the channel goes on trying. Raises `ChannelError` if trying
        again does not help (wrong credentials, a server that is too old)."""
        ...

    async def close(self) -> None:
        """Takes no more requests, waits up to 10 s for those that have begun, disconnects. Idempotent."""
        ...

    async def serve(self, address: str, answering: Answering) -> None:
        """Answers requests to an address, each in a task of its own. Several processes may serve the same address; each
        request reaches one of them. `answering` does not raise. Responses pass through `fitting`."""
        ...

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        """Sends a request and waits for the response.

        Raises `Unavailable` if no process has seen the request (the address is not served, no connection);
        `OutcomeUnknown` if it was sent and no response came (timeout, broken connection, an answer by a proxy);
        `NotAllowed` if a broker denies it; `BadMessage` if it is larger than the channel carries.
        """
        ...
