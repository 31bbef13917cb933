"""The call port: how a question reaches another process, and its answer comes back.

A channel carries bytes and knows nothing of what they mean; deadlines, retries and breakers belong to the runtime.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

DRAIN_SECONDS = 10.0
"""How long a closing channel waits for the requests that have begun."""


class CallRequest(NamedTuple):
    """What one process asks of another.

    Header names are lower-case words joined by dashes that begin with `remit-`, or `content-type`; values are printable
    ASCII. A channel carries these headers and no others.
    """

    kind: str
    headers: Mapping[str, str]
    body: bytes


class CallResponse(NamedTuple):
    """What comes back. `status` is "ok", or the code of an error."""

    status: str
    headers: Mapping[str, str]
    body: bytes


Answering = Callable[[CallRequest], Awaitable[CallResponse]]


def fitting(answer: CallResponse, max_bytes: int) -> CallResponse:
    """The answer, or in place of one that the channel does not carry, an answer that says so: `call.reply-too-large`
    instead of a reply. An error stays what it is, because it says whether something was changed."""
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
    """The largest body of a request or answer."""
    finds_services: bool
    """Whether an address reaches those who serve it wherever they run; otherwise the topology says where."""


class CallChannel(Protocol):
    """Carries requests to one of the processes that serve an address, and brings back its answer."""

    @property
    def capabilities(self) -> CallCapabilities:
        """As far as it is known: a broker that is away has not yet said what it carries."""
        ...

    async def open(self) -> None:
        """Connects, and returns also while the other side is away: the channel goes on trying. Raises `ChannelError`
        for what trying again cannot mend (wrong credentials, a server that is too old)."""
        ...

    async def close(self) -> None:
        """Takes no more requests, lets those that have begun be answered for up to 10 s, disconnects. Idempotent."""
        ...

    async def serve(self, address: str, answering: Answering) -> None:
        """Answers requests to an address, each in a task of its own; several processes may serve the same address, and
        each request reaches one of them. `answering` does not raise. An answer goes through `fitting` on its way."""
        ...

    async def call(self, address: str, request: CallRequest, seconds: float) -> CallResponse:
        """Asks and waits for the answer.

        Raises `Unavailable` when certainly nobody has seen the request (nobody serves the address, no connection),
        `OutcomeUnknown` when it was sent and no answer came (time is over, the connection broke, somebody in between
        answered), `BadMessage` when it is larger than the channel carries.
        """
        ...
