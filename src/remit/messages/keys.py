"""Identities and keys: what a text may be under which something is stored, ordered or applied once."""

from __future__ import annotations

from enum import Enum
from typing import Any

from remit.errors import BadKey

LONGEST_KEY = 512
"""Bytes of UTF-8 that an identity or a key has at most: so much fits into an index of every store."""


def fits(given: object) -> bool:
    """Whether this is a text that may be an identity or a key."""
    if not isinstance(given, str):
        return False
    return (len(given) <= LONGEST_KEY and given.isascii() and "\0" not in given) or not _fault(given)


def key_text(given: Any, what: str, where: str) -> str:
    """The text of an identity or a key, which is stored instead of it.

    `what` it is, and `where`, is said in the error. Raises `BadKey`.
    """
    text = given if given.__class__ is str else _text_of(given, what, where)
    if len(text) <= LONGEST_KEY and text.isascii() and "\0" not in text:  # nearly all, and this is on every way
        return text
    if fault := _fault(text):
        raise BadKey(
            f"the {what} {text[:20]!a}{'...' * (len(text) > 20)} {fault}", where=where,
            expected=f"at most {LONGEST_KEY} bytes of UTF-8, without NUL and without halves of surrogate pairs",
            next="check what clients may choose, or derive a shorter key from it, such as a digest",
        )  # fmt: skip
    return text


def _text_of(given: Any, what: str, where: str) -> str:
    """Of a member of an enumeration: what it is read again as, where the type says text or number. Raises `BadKey` for
    a fraction: 1 and 1.0 are one number, 0.0 and -0.0 as well, and have texts of their own."""
    found = given.value if isinstance(given, Enum) else given
    if isinstance(found, float):
        raise BadKey(
            f"the {what} {found!r} is a fraction, and one number has several texts there", where=where,
            expected="a text or a whole number", next="make a text of it, such as f'{price:.2f}', or take a Decimal",
        )  # fmt: skip
    return str(found)


def require_key(given: object, where: str) -> None:
    """For an idempotency key that a caller gives: raises `BadKey` as `key_text` does, for what is no text, and for an
    empty one, which would be taken for none."""
    if not isinstance(given, str):
        raise BadKey(
            f"the idempotency key {given!r:.50} is no text", where=where, expected="a text", next="make a text of it",
        )  # fmt: skip
    if not given:
        raise BadKey(
            "the idempotency key is empty", where=where, expected="a text that is the same for the same wish",
            next="leave the key out where a repetition is a new wish",
        )  # fmt: skip
    key_text(given, "idempotency key", where)


def _fault(text: str) -> str:
    if "\0" in text:
        return "holds a NUL"
    if len(text) > LONGEST_KEY:  # what is much longer is not measured
        return f"has more than {LONGEST_KEY} bytes"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "holds half of a surrogate pair, which is no text"
    return f"has {size} bytes" if size > LONGEST_KEY else ""
