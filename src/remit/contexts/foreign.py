"""What is not `remit`: the sources from which a context takes in foreign messages, and their translations.

A translation is a pure function: it makes commands of its context from a foreign message, or nothing. A source says how
messages arrive, how a repeated one is recognised, and which of two messages about one thing is the newer one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

from remit.contexts.declarations import TRANSLATION, Handler
from remit.messages import Command, Message, union_members

if TYPE_CHECKING:  # a context without webhooks loads no cryptography
    from remit.contexts.signatures import Signature

F = TypeVar("F")

Translated: TypeAlias = "Command[Any, Any] | Sequence[Command[Any, Any]] | None"
"""What a translation makes of a foreign message: a command of its context, several, or nothing."""


@dataclass(frozen=True)
class Header:
    """The HTTP header that identifies a delivery: `key=Header("X-GitHub-Delivery")`. Its name has any case."""

    name: str


class Fetched(NamedTuple, Generic[F]):
    """What a polled API has answered: foreign messages, and the place behind them.

    `after` is an opaque text, passed to the next fetch. With `more`, the next fetch follows at once.
    """

    items: Sequence[F]
    after: str
    more: bool = False


class Source(Generic[F]):
    """A way by which foreign messages arrive. Use `Webhook` or `Polled`.

    `name` is unique in its context; the rules for names of contexts hold. `key` identifies a message, for ever: a
    message with a key that has been handled is recognised as a repetition for 7 days after the last time it came.

    `entity` identifies the foreign thing that a message is about. Messages about one thing are handled in the order in
    which they arrive. One may overtake another on the way: with `version` (whole numbers) or `at` (times), a message
    that is older than one that was handled is ignored. A message of the same version is ignored too, one of the same
    time is handled.
    """

    def __init__(
        self,
        name: str,
        *,
        key: Callable[[F], object] | Header,
        entity: Callable[[F], object] | None = None,
        version: Callable[[F], int] | None = None,
        at: Callable[[F], datetime] | None = None,
    ) -> None:
        self.name = name
        self.key = key
        self.entity = entity
        self.version = version
        self.at = at

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"


class Webhook(Source[F]):
    """Foreign messages that arrive as HTTP requests: `POST /-/hooks/<context>/<name>`, or another `path`.

    `verify` checks the signature of each request before anything else is done with it. The sender gets an answer of
    the class 2xx once the message is stored. The other parameters are those of `Source`.
    """

    def __init__(
        self,
        name: str,
        *,
        verify: Signature,
        key: Callable[[F], object] | Header,
        entity: Callable[[F], object] | None = None,
        version: Callable[[F], int] | None = None,
        at: Callable[[F], datetime] | None = None,
        path: str = "",
    ) -> None:
        super().__init__(name, key=key, entity=entity, version=version, at=at)
        self.verify = verify
        self.path = path


def path_of(source: Webhook[Any], context: str) -> str:
    """The path at which an edge serves a webhook of a context."""
    return source.path or f"/-/hooks/{context}/{source.name}"


class Polled(Source[F]):
    """Foreign messages that are fetched from an API, by one process at a time.

    `fetch(after, ...)` returns what is new behind the place `after`, which is empty at first. Its further parameters
    ask for services of the context. It is called every `every`, and has to end within `deadline`. After a failure it
    is called again with growing pauses. The other parameters are those of `Source`.
    """

    def __init__(
        self,
        name: str,
        *,
        fetch: Callable[..., Awaitable[Fetched[F]]],
        every: timedelta,
        key: Callable[[F], object],
        entity: Callable[[F], object] | None = None,
        version: Callable[[F], int] | None = None,
        at: Callable[[F], datetime] | None = None,
        deadline: timedelta = timedelta(seconds=30),
    ) -> None:
        super().__init__(name, key=key, entity=entity, version=version, at=at)
        self.fetch = fetch
        self.every = every
        self.deadline = deadline


@dataclass(frozen=True, eq=False)
class Translation:
    """A source and the function that translates its messages."""

    source: Source[Any]
    function: Callable[[Any], Translated]

    @property
    def handler(self) -> Handler:
        """The function as a declaration of its context."""
        return Handler(TRANSLATION, Message, self.function)


def commands_in(returned: Any) -> Iterator[Any]:
    """The members of the return annotation of a translation, without None, looking into sequences."""
    for member in union_members(returned):
        if member is type(None):
            continue
        inside = [each for each in get_args(member) if each is not Ellipsis] if not isinstance(member, type) else []
        if inside:
            for each in inside:
                yield from commands_in(each)
        else:
            yield member
