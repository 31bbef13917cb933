"""The headers of a request, on their way to every handler that the request reaches.

They are known to the task that handles something, so that nobody in between has to hand them on. A process whose system
names no headers never looks.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from remit.errors import RemitError

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LONGEST_VALUE = 255
"""Characters of a value: it is stored with every message that comes of the request."""

carried: ContextVar[Mapping[str, str]] = ContextVar("remit.headers", default=NO_HEADERS)
"""The headers of the request that this task handles."""


@contextmanager
def carrying(headers: Mapping[str, str]) -> Generator[None]:
    """What is called and recorded within this belongs to a request with these headers."""
    before = carried.get()
    carried.set(MappingProxyType(dict(headers)))
    try:
        yield
    finally:
        carried.set(before)  # not by a token: what is never ended is closed in another context


def is_value(text: str) -> bool:
    """Whether a text may travel as the value of a header: printable ASCII, up to 255 characters."""
    return len(text) <= LONGEST_VALUE and text.isascii() and text.isprintable()


def checked(headers: Mapping[str, str], declared: tuple[str, ...]) -> Mapping[str, str]:
    """The same headers. Raises `RemitError` for one that the system does not name, and for a value that is none."""
    for name, value in headers.items():
        if name not in declared:
            raise RemitError(
                f"the system does not take the header {name!r} along", where="with_headers",
                expected=f"one of: {', '.join(declared)}" if declared else "a system that names headers",
                next=f"System(..., headers=[{name!r}])",
            )  # fmt: skip
        if not is_value(value):
            raise RemitError(
                f"the value of the header {name!r} cannot travel", where="with_headers",
                expected=f"printable ASCII, at most {LONGEST_VALUE} characters", next="send a shorter name of it",
            )  # fmt: skip
    return headers
