"""Translates failures of PostgreSQL: `StoreUnavailable` (try again), `StoreError` (a person must act) or `Unstorable`
(these values cannot be stored)."""

from __future__ import annotations

import asyncpg

from remit.errors import OutcomeUnknown, StoreError, StoreUnavailable, Unstorable

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""The driver's exceptions. It raises its internal error when the server has closed an idle connection."""

UNFIT = (
    asyncpg.DataError,
    asyncpg.NotNullViolationError,
    asyncpg.CheckViolationError,
    TypeError,
    ValueError,
    OverflowError,
)
"""Errors of a unit, not of the store: values that no column takes, detected by the driver or the server."""

REPEATABLE = frozenset({"RM001", "40001", "40P01", "23505"})
"""SQLSTATEs of a transaction that another one got in the way of. Repeated, it sees what the other one has written."""

_OF_VALUES = ("0A", "21", "22", "23", "44", "54", "P0")
"""SQLSTATE classes that values can cause: data exceptions, constraints, limits such as the size of an index row."""
_OF_SERVER = ("08", "25006", "25P", "53", "55P03", "57", "58", "72", "XX")
"""SQLSTATEs of a server that cannot do it now. Any other one is said of a statement: by PostgreSQL, or by a function of
the user's that has chosen it."""
_OF_ALL = ("08", "25", "26", "28", "3D", "3F", "55", "57", "531", "533", "42P01", "42703", "42883")
"""SQLSTATEs that do not depend on the values: lost connections, missing rights, a full disk, missing tables, locks. All
others (memory, damaged pages, unforeseen ones) may be caused by one of the values that are written together."""

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
_CHANGED = ("the tables are not as this release made them", "restore the schema from a backup")
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


def refusal(error: BaseException, where: str) -> StoreError | StoreUnavailable | Unstorable:
    """As `failure`, for remit's statements with given values: `Unstorable` if the values are the cause."""
    if not is_of_values(error):
        return failure(error, where)
    return Unstorable(
        _said("PostgreSQL does not take a value", error), where=where,
        expected="text without NUL and lone surrogates; identities and keys of at most 512 bytes",
        next="correct the code that makes the value",
    )  # fmt: skip


def failure(error: BaseException, where: str) -> StoreError | StoreUnavailable:
    """Translates the driver's error: `StoreError` if waiting cannot help, otherwise `StoreUnavailable`."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, asyncpg.exceptions.ClientConfigurationError):
        return StoreError(
            _said("the address is not understood", error), where=where, expected="postgresql://USER@HOST/DATABASE",
            next="correct the address",
        )  # fmt: skip
    if state in _FOR_GOOD or (state or "").startswith("42"):
        what, next = _FOR_GOOD.get(state or "", _CHANGED)
        return StoreError(_said(what, error), where=where, expected="a schema made by this release", next=next)
    what, next = _LOST if ended(error) else _FOR_NOW.get(state or "", _OTHER)
    expected = "a server that can be read and written"
    return StoreUnavailable(_said(what, error), where=where, expected=expected, next=next)


def not_written(where: str) -> StoreUnavailable:
    """The error of a commit whose connection was lost before the transaction was committed."""
    return StoreUnavailable(
        "the connection was lost and nothing was written", where=where, expected="a connection that stays",
        next="try again",
    )  # fmt: skip


def unknown(where: str, why: str) -> OutcomeUnknown:
    """The error of a commit with an unknown outcome."""
    return OutcomeUnknown(
        f"the connection was lost during the commit, and {why}", where=where, expected="a connection that stays",
        next="call again with the same key",
    )  # fmt: skip


def is_of_values(error: BaseException) -> bool:
    """Whether an error is caused by the values of a statement, and would occur again."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_OF_VALUES)
    return not isinstance(error, FAILURES)


def is_of_server(state: str) -> bool:
    """Whether an SQLSTATE says that the server cannot run a statement now, whatever the statement is."""
    return state.startswith(_OF_SERVER)


def is_of_all(error: BaseException) -> bool:
    """Whether an error would have hit each of the values that were written or looked up together."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_OF_ALL)
    return isinstance(error, FAILURES)


def ended(error: BaseException) -> bool:
    """Whether the connection is unusable, so that the outcome of the statement is unknown."""
    state = getattr(error, "sqlstate", None) or ""
    if isinstance(error, asyncpg.PostgresError) and not state.startswith(("08", "57P")):
        return False
    return not isinstance(error, UNFIT)


def _said(what: str, error: BaseException) -> str:
    """Without the server's details and the driver's rendering of a value: they may show other users' data."""
    if isinstance(error, asyncpg.DataError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # the error of the driver's encoder
    state = getattr(error, "sqlstate", None)
    text = error.args[0] if isinstance(error, asyncpg.PostgresError) and error.args else error
    return f"{what} ({state or type(error).__name__}: {text})"
