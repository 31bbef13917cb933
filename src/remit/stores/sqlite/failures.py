"""Translates SQLite's result codes: `StoreUnavailable` (try again) or `StoreError` (a person must act)."""

from __future__ import annotations

import sqlite3

from remit.errors import StoreError, StoreUnavailable, Unstorable

_FOR_GOOD = {
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", "restore it from a backup; `sqlite3 FILE .recover` may save rows"),
    sqlite3.SQLITE_NOTADB: ("the file is not an SQLite database", "give another path, or restore it from a backup"),
    sqlite3.SQLITE_ERROR: ("the tables are not as this release made them", "restore the file from a backup"),
}
_FOR_NOW = {
    sqlite3.SQLITE_BUSY: ("another process kept the file locked for 5 s", "end the program that writes for so long"),
    sqlite3.SQLITE_FULL: ("the disk is full", "free space; services go on by themselves, a command is run again"),
    sqlite3.SQLITE_IOERR: ("the file cannot be read or written", "check free space, quotas and the disk's health"),
    sqlite3.SQLITE_READONLY: ("the file has become read-only", "make the file and its directory writable again"),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", "check that its directory is there and can be written"),
}
_AT_OPENING = {
    sqlite3.SQLITE_READONLY: ("the file or its directory is read-only", "let this user write both"),
    sqlite3.SQLITE_CANTOPEN: (
        "the file cannot be opened or made",
        "let this user write the directory, or change the path",
    ),
    sqlite3.SQLITE_PERM: ("this user may not open the file", "let this user read and write it"),
}

# The last thing a COMMIT writes is the frame that makes it valid. After one of these errors that frame is incomplete.
# After any other failure, above all of fsync, the frame may be on the disk.
_NOT_WRITTEN = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)


def failure(error: sqlite3.Error, where: str) -> StoreError | StoreUnavailable:
    """Translates an error of an open store: `StoreError` if waiting cannot help, otherwise `StoreUnavailable`."""
    if (known := _FOR_GOOD.get(_code(error) & 0xFF)) is not None:
        return StoreError(_said(known[0], error), where=where, expected="a file made by this release", next=known[1])
    what, next = _FOR_NOW.get(_code(error) & 0xFF, ("SQLite failed", "try again; if it stays, check the disk"))
    return StoreUnavailable(_said(what, error), where=where, expected="a file that can be read and written", next=next)


def not_to_be_opened(error: sqlite3.Error, where: str) -> StoreError | StoreUnavailable:
    """As `failure`, while a store is opened: then missing rights are a mistake of the setup."""
    if (known := _AT_OPENING.get(_code(error) & 0xFF)) is not None:
        expected = "a file, in a directory, that this user can write (SQLite keeps two more files beside it)"
        return StoreError(_said(known[0], error), where=where, expected=expected, next=known[1])
    return failure(error, where)


def not_to_be_read(error: sqlite3.Error, where: str) -> StoreError | StoreUnavailable:
    """As `failure`, for a file that is opened to be read only."""
    if _code(error) & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
        next = "let this user read it and the -wal and -shm files beside it; or look as the user that runs the service"
        return StoreError(_said("the file cannot be read", error), where=where, expected="a readable file", next=next)
    return failure(error, where)


def unstorable(error: Exception, where: str) -> Unstorable:
    """The error for a value that SQLite cannot store."""
    told = Unstorable(
        _said("SQLite does not take a value", error), where=where,
        expected="text without lone surrogates; numbers of at most 64 bits", next="correct what makes the value",
    )  # fmt: skip
    told.__cause__ = error
    return told


def wrote_nothing(error: sqlite3.Error) -> bool:
    """Whether a COMMIT that failed with this error has certainly written nothing."""
    return _code(error) in _NOT_WRITTEN


def _code(error: sqlite3.Error) -> int:
    """SQLite's extended result code; its lowest byte is the primary code. 0 for errors of the Python module."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code


def _said(what: str, error: Exception) -> str:
    return f"{what} ({getattr(error, 'sqlite_errorname', type(error).__name__)}: {error})"
