"""What a failure of PostgreSQL means: try again (`StoreUnavailable`), or a person must act (`StoreError`)."""

from __future__ import annotations

import asyncpg

from remit.errors import StoreError, StoreUnavailable

__all__ = ["FAILURES", "REPEATABLE", "UNFIT", "ended", "failure"]

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""What the driver raises; its internal error when the server has ended a connection that was asked nothing."""

UNFIT = (
    asyncpg.DataError,
    asyncpg.NotNullViolationError,
    asyncpg.CheckViolationError,
    TypeError,
    ValueError,
    OverflowError,
)
"""What is wrong with a unit and not with the store: values that no column takes, found by the driver or the server."""

REPEATABLE = frozenset({"RM001", "40001", "40P01", "23505"})
"""Two transactions met, and one of them was ended: the same again will be told what the other one has written."""

_FOR_GOOD = {
    "28P01": ("the password is wrong", "correct the user or the password in the address"),
    "28000": ("the server does not let this user in", "correct the user in the address, or the server's pg_hba.conf"),
    "3D000": ("there is no such database", "create it, or correct the address"),
    "42501": ("this user may not do that", "give the user the rights that remit's roles have, or migrate as the owner"),
    "3F000": ("the schema is gone", "restore it from a backup, or open the store anew to make it"),
    "42P01": ("a table is gone", "restore the schema from a backup"),
    "42883": ("a function is gone", "restore the schema from a backup"),
    "42703": ("a column is gone", "restore the schema from a backup"),
}
_AFTERWARDS = "services go on by themselves, a command is run again"
_FOR_NOW = {
    "53300": ("the server has no connection left", "raise max_connections, or use fewer processes or a pooler"),
    "53100": ("the server's disk is full", f"free space; {_AFTERWARDS}"),
    "53200": ("the server has no memory left", "give it more memory or less work"),
    "25006": ("the server takes no writes", "end its read-only mode, or give the address of the primary"),
    "55P03": ("another transaction kept a row locked for too long", "end what writes for so long"),
    "57014": ("the statement took too long", "see what the server is busy with"),
    "57P03": ("the server is starting or ending", f"wait; {_AFTERWARDS}"),
}
_LOST = ("the server cannot be reached", f"start it, or correct the address; {_AFTERWARDS}")
_OTHER = ("PostgreSQL failed", "try again; if it stays, see the server's log")


def failure(error: BaseException, where: str) -> StoreError | StoreUnavailable:
    """What an error of the driver means: `StoreError` where waiting cannot help, otherwise `StoreUnavailable`."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return StoreError(
            _said("the address is not understood", error),
            where=where,
            expected="postgresql://USER@HOST/DATABASE",
            next="correct the address",
        )
    if state in _FOR_GOOD:
        what, next = _FOR_GOOD[state]
        return StoreError(_said(what, error), where=where, expected="a schema made by this release", next=next)
    what, next = _LOST if ended(error) else _FOR_NOW.get(state or "", _OTHER)
    expected = "a server that can be read and written"
    return StoreUnavailable(_said(what, error), where=where, expected=expected, next=next)


def ended(error: BaseException) -> bool:
    """Whether the connection is of no use any more, so that nobody knows what became of the statement."""
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, asyncpg.PostgresError) and not state.startswith(("08", "57P")):
        return False
    return not isinstance(error, UNFIT)


def _said(what: str, error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    return f"{what} ({state or type(error).__name__}: {error})"
