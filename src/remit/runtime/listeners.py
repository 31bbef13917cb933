"""Delivers runtime events to the listeners of a process."""

from __future__ import annotations

import functools
import inspect
import logging
import types
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeAlias, TypeVar, Union, get_args, get_origin

from remit.errors import ListenerError
from remit.runtime.events import (
    EVENTS,
    BatchHandled,
    CallBegun,
    CallEnded,
    MessagesPublished,
    RuntimeEvent,
    UnitCommitted,
)

E = TypeVar("E", bound=RuntimeEvent)

Listener: TypeAlias = Callable[[Any], None]
"""A callable that takes one event: a function, a method, a `partial`, or an object with `__call__`. The annotation of
its parameter selects the classes: one class, a union, or `RuntimeEvent` for all."""

log = logging.getLogger("remit")


class Time(Protocol):
    """The wall clock (`seconds`) and the clock for durations (`ticks`)."""

    def seconds(self) -> float: ...
    def ticks(self) -> float: ...


class Listeners:
    """The listeners of a process.

    An event that occurs with every message has an attribute here. It is None while nothing listens to that event, so
    that the event is not even created. All other events are rare and go through `say`.
    """

    __slots__ = (
        "_heard", "batch_handled", "call_begun", "call_ended", "published", "seconds", "ticks", "unit_committed",
    )  # fmt: skip

    def __init__(self, listeners: Iterable[Listener], clock: Time) -> None:
        """`clock` gives the time of events. Raises `ListenerError` for a listener whose annotation names no event."""
        self.seconds: Callable[[], float] = clock.seconds
        self.ticks: Callable[[], float] = clock.ticks
        self._heard: dict[type[RuntimeEvent], list[_Guarded]] = {event: [] for event in EVENTS}
        for listener in listeners:
            guarded = _Guarded(listener)
            for event in _events_of(listener):
                self._heard[event].append(guarded)
        self.call_begun = self._teller(CallBegun)
        self.call_ended = self._teller(CallEnded)
        self.unit_committed = self._teller(UnitCommitted)
        self.batch_handled = self._teller(BatchHandled)
        self.published = self._teller(MessagesPublished)

    @property
    def hear_calls(self) -> bool:
        """Whether a listener takes `CallBegun` or `CallEnded`."""
        return self.call_begun is not None or self.call_ended is not None

    def _teller(self, event: type[E]) -> Callable[[E], None] | None:
        return self.say if self._heard[event] else None

    def say(self, event: RuntimeEvent) -> None:
        """Calls each listener of the event in turn. Raises nothing but `KeyboardInterrupt`."""
        for tell in self._heard[event.__class__]:
            tell(event)


class _Guarded:
    """A listener whose exceptions do not spread: the first one is logged."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._has_failed = False

    def __call__(self, event: RuntimeEvent) -> None:
        try:
            self._listener(event)
        except KeyboardInterrupt:
            raise
        except BaseException:  # whatever a listener raises must not undo what it was told of
            if not self._has_failed:
                self._has_failed = True
                name = f"{_named(self._listener)} of {type(event).__name__}"
                log.exception("listener-failed %s: it is called again, and this is said no more", name)


def beside(own: Listener, listeners: Iterable[Listener]) -> Iterable[Listener]:
    """Puts a listener of the runtime before those of the user. Raises `ListenerError` if `listeners` is no iterable."""
    if not hasattr(listeners, "__iter__"):
        raise ListenerError(
            f"listeners= is not a list: {listeners!r}", where="listeners",
            expected="a list of functions", next="listeners=[hear]",
        )  # fmt: skip
    return [own, *listeners]


def _events_of(listener: Any) -> frozenset[type[RuntimeEvent]]:
    """The classes of events that a listener takes. Raises `ListenerError`."""
    parameter = _parameter_of(listener)
    wanted: Any = parameter.annotation
    classes: tuple[Any, ...] = get_args(wanted) if get_origin(wanted) in _UNIONS else (wanted,)
    for each in classes:
        if each is parameter.empty:
            raise _refused(listener, f"has no annotation for its parameter {parameter.name!r}")
        if not (isinstance(each, type) and issubclass(each, RuntimeEvent)):
            raise _refused(listener, f"takes {each!r}, which is not a class of runtime events")
    taken = frozenset(event for event in EVENTS if issubclass(event, classes))
    if not taken:
        raise _refused(listener, f"takes {' | '.join(each.__name__ for each in classes)}, which never occurs")
    return taken


def _run_by(listener: Any) -> Iterable[Any]:
    """The functions that run when a listener is called."""
    listener = inspect.unwrap(listener)
    while isinstance(listener, functools.partial):
        listener = inspect.unwrap(listener.func)
    return listener, getattr(listener, "__call__", None)  # noqa: B004  # what would run is asked for


def _parameter_of(listener: Any) -> inspect.Parameter:
    """The parameter that takes the event, with its annotation resolved. Raises `ListenerError`."""
    if any(is_later(each) for each in _run_by(listener) for is_later in _LATER):
        raise _refused(listener, "is async or a generator; a listener is a plain function")
    try:
        parameters = inspect.signature(listener, eval_str=True).parameters.values()
    except NameError as error:
        raise _refused(listener, f"has an annotation that cannot be resolved at run time: {error}") from None
    except (TypeError, ValueError, AttributeError, SyntaxError) as error:
        raise _refused(listener, f"has no signature that can be read: {error}") from None
    given = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    asked = [each for each in parameters if each.default is each.empty and each.kind not in _GATHERED]
    if not given or asked not in ([], given[:1]):
        raise _refused(listener, "does not take one event")
    return given[0]


_LATER = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_UNIONS = (Union, types.UnionType)
_GATHERED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _named(listener: Any) -> str:
    whose = listener if hasattr(listener, "__qualname__") else listener.__class__
    return f"{whose.__module__}.{whose.__qualname__}"


def _refused(listener: Any, what: str) -> ListenerError:
    return ListenerError(
        f"the listener {_named(listener)} {what}", where=_named(listener),
        expected="a callable with one argument, annotated with classes of remit.observability",
        next="def hear(event: CallEnded) -> None, or CallEnded | KeyParked, or RuntimeEvent for all",
    )  # fmt: skip
