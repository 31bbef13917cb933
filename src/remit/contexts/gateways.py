"""Gateways: calls out to what is not `remit`, with declared failures, a deadline, and a key that repeats."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, ClassVar, Protocol, TypeAlias, get_type_hints

from remit.errors import HandlerFailed, OutcomeUnknown, Unavailable
from remit.messages import Refusal, union_members

Failure: TypeAlias = "type[Unavailable | OutcomeUnknown] | Callable[[Any], Refusal]"
"""What an exception of a library means: the other side was not reached, it may have done it or not, or it refused."""


class Line(Protocol):
    """The way out of a process: it bounds, counts and reports the calls of one gateway."""

    def call(self, gateway: Gateway, name: str, method: Callable[[], Awaitable[Any]]) -> Awaitable[Any]:
        """Awaits a method of the gateway. Raises only refusals and `CallError`s."""
        ...

    def key(self, name: str) -> str:
        """The key of one call of a method."""
        ...


_key: ContextVar[tuple[Gateway, str] | None] = ContextVar("remit.gateway", default=None)
"""The gateway whose method the current task runs, and the key of that call."""


class Gateway:
    """Calls out to one foreign system: `class Cards(Gateway, failures={CardError: declined}, deadline=...)`.

    Each public async method that a subclass defines is one call. What it raises reaches its handler in a declared form:

    - a refusal, or what `failures` makes of an exception: the function of its class makes a refusal of it; the classes
      `Unavailable` (nothing was done) and `OutcomeUnknown` (it may have been done) are raised with its text;
    - `OutcomeUnknown` after `deadline`, and for a connection that was lost; `Unavailable` for one that was refused;
    - `HandlerFailed`, which names gateway and method, for any other exception.

    After several calls that did not get through, further ones end with `Unavailable` at once, until one gets through.
    """

    _failures: ClassVar[Mapping[type[BaseException], Failure]] = {
        ConnectionRefusedError: Unavailable,
        ConnectionError: OutcomeUnknown,
    }
    _deadline: ClassVar[timedelta] = timedelta(seconds=10)
    _line: Line | None = None

    def __init_subclass__(
        cls,
        *,
        failures: Mapping[type[BaseException], Failure] | None = None,
        deadline: timedelta | None = None,
        **options: Any,
    ) -> None:
        super().__init_subclass__(**options)
        cls._failures = {**cls._failures, **(failures or {})}
        cls._deadline = deadline or cls._deadline
        for name, method in list(vars(cls).items()):
            if not name.startswith("_") and inspect.iscoroutinefunction(method):
                setattr(cls, name, _outward(name, method))

    @property
    def key(self) -> str:
        """In a method: the key of this call. It is the same whenever the handled message is handled again, in any
        process, so that the foreign system can recognise the repetition."""
        found = _key.get()
        return "" if found is None or found[0] is not self else found[1]


def connect(gateway: Gateway, line: Line) -> None:
    """From now on the gateway calls over this line."""
    gateway._line = line  # noqa: SLF001  # of this file


def seconds_of(gateway: Gateway) -> float:
    """The deadline of each call in seconds."""
    return gateway._deadline.total_seconds()  # noqa: SLF001  # of this file


def refusals_of(gateway: type[Gateway]) -> list[type[Refusal]]:
    """The refusals that its `failures` name: classes, and what the return annotations of functions say."""
    found: dict[type[Refusal], None] = {}
    for failure in gateway._failures.values():  # noqa: SLF001  # of this file
        made: Any = failure if isinstance(failure, type) else _returned(failure)
        found |= {each: None for each in union_members(made) if isinstance(each, type) and issubclass(each, Refusal)}
    return list(found)


def _returned(function: Callable[..., Any]) -> Any:
    try:
        return get_type_hints(function).get("return")
    except Exception:  # noqa: BLE001  # an annotation is the user's code, and may raise anything
        return None


def meaning_of(gateway: Gateway, name: str, error: Exception) -> Exception:
    """The declared form of an exception."""
    told, where = f"{name}: {type(error).__name__}: {error}", type(gateway).__name__
    known: Mapping[Any, Any] = gateway._failures  # noqa: SLF001  # of this file
    failure: Any = next((known[each] for each in type(error).__mro__ if each in known), None)
    if isinstance(failure, type) and issubclass(failure, (Unavailable, OutcomeUnknown)):
        return failure(told, where=where, expected="an answer of the foreign system")
    if failure is not None:
        refusal: Refusal = failure(error)
        return refusal
    return HandlerFailed(
        f"{where}.{name} failed: {type(error).__name__}: {error}", where=where,
        expected="an answer, or a failure that the gateway declares",
        next=f"class {where}(Gateway, failures={{{type(error).__name__}: ...}})",
    )  # fmt: skip


def _outward(name: str, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def call(self: Gateway, *arguments: Any, **named: Any) -> Any:
        before = _key.get()
        if before is not None and before[0] is self:  # one method that calls another is one call
            return await method(self, *arguments, **named)
        line = self._line
        _key.set((self, "" if line is None else line.key(name)))
        try:
            if line is not None:
                return await line.call(self, name, lambda: method(self, *arguments, **named))
            return await method(self, *arguments, **named)  # in a test of the gateway alone
        except Refusal:
            raise
        except Exception as error:
            if line is not None:
                raise
            raise meaning_of(self, name, error) from error
        finally:
            _key.set(before)

    return call
