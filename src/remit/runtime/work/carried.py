"""Carries headers of a request to every handler that the request reaches.

A context variable of the handling task holds them, so that no code in between hands them on. A process whose system
names no headers never reads it.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from remit.errors import RemitError

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LONGEST_VALUE = 255
"""Characters of a value. Bounded, because it is stored with every message that follows from the request."""

carried: ContextVar[Mapping[str, str]] = ContextVar("remit.headers", default=NO_HEADERS)
"""The headers of the request that the current task handles."""


@contextmanager
def carrying(headers: Mapping[str, str]) -> Generator[None]:
    """Within this context, calls and recorded messages carry these headers."""
    before = carried.get()
    carried.set(MappingProxyType(dict(headers)))
    try:
        yield
    finally:
        carried.set(before)  # not reset(token): an abandoned generator is closed in another context


def is_value(text: str) -> bool:
    """Whether a text is valid as a header value: printable ASCII, up to 255 characters."""
    return len(text) <= LONGEST_VALUE and text.isascii() and text.isprintable()


def checked(headers: Mapping[str, str], declared: tuple[str, ...]) -> Mapping[str, str]:
    """Returns `headers`. Raises `RemitError` for a header that the system does not name, and for an invalid value."""
    for name, value in headers.items():
        if name not in declared:
            raise RemitError(
                f"the system does not carry the header {name!r}", where="with_headers",
                expected=f"one of: {', '.join(declared)}" if declared else "a system that names headers",
                next=f"System(..., headers=[{name!r}])",
            )  # fmt: skip
        if not is_value(value):
            raise RemitError(
                f"the value of the header {name!r} cannot be carried", where="with_headers",
                expected=f"printable ASCII, at most {LONGEST_VALUE} characters", next="send a short identifier instead",
            )  # fmt: skip
    return headers
