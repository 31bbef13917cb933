"""Identities and keys: the rules for the texts under which values are stored and ordered and commands applied once."""

from __future__ import annotations

from enum import Enum
from typing import Any

from remit.errors import BadKey, shown

LONGEST_KEY = 512
"""The greatest size of an identity or a key, in bytes of UTF-8. An index of every store holds this much."""


def fits(given: object) -> bool:
    """Whether this is a text that can be an identity or a key."""
    if not isinstance(given, str):
        return False
    return (len(given) <= LONGEST_KEY and given.isascii() and "\0" not in given) or not _fault(given)


def key_text(given: Any, what: str, where: str) -> str:
    """The text of an identity or a key, which is what a store keeps.

    `what` (such as "identity") and `where` are named in the error. Raises `BadKey` for a text that is too long (512
    bytes of UTF-8), contains a NUL or half of a surrogate pair, and for a `float`.
    """
    text = given if given.__class__ is str else _text_of(given, what, where)
    if len(text) <= LONGEST_KEY and text.isascii() and "\0" not in text:  # the common case, kept fast
        return text
    if fault := _fault(text):
        raise BadKey(
            f"the {what} {text[:20]!a}{'...' * (len(text) > 20)} {fault}", where=where,
            expected=f"at most {LONGEST_KEY} bytes of UTF-8, without NUL and without halves of surrogate pairs",
            next="limit what clients may choose, or use a shorter key derived from it, such as a digest",
        )  # fmt: skip
    return text


def _text_of(given: Any, what: str, where: str) -> str:
    """An enumeration member is stored as its value, because it is read back from that. A `float` raises `BadKey`: 1 and
    1.0 are one number with two texts, as are 0.0 and -0.0."""
    found = given.value if isinstance(given, Enum) else given
    if isinstance(found, float):
        raise BadKey(
            f"the {what} {found!r} is a float, and a float has several texts for one number (1 and 1.0)", where=where,
            expected="a text or a whole number", next="make it a text, such as f'{price:.2f}', or use a Decimal",
        )  # fmt: skip
    try:
        return str(found)
    except ValueError as error:
        raise BadKey(
            f"the {what} is {shown(found, 50)}, which has no text: {error}", where=where,
            expected=f"at most {LONGEST_KEY} bytes of UTF-8", next="limit what clients may choose",
        ) from error  # fmt: skip


def document_key(given: object, event: object, where: str) -> str:
    """The text of what the `key` of a projection has returned for an event. Raises `BadKey` as `key_text` does, and for
    `None`."""
    if given is not None:
        return key_text(given, "key of a document", where)
    raise BadKey(
        f"key returned None for {type(event).__name__}, and no document has this key", where=where,
        expected="the key of a document for each event that the projection follows",
        next="return a key in each branch of key",
    )  # fmt: skip


def require_key(given: object, where: str) -> None:
    """Checks an idempotency key that a caller gives. Raises `BadKey` as `key_text` does, and also for a value that is
    not a `str` and for an empty text."""
    if not isinstance(given, str):
        raise BadKey(
            f"the idempotency key {shown(given, 50)} is not a text", where=where, expected="a str",
            next="pass str(key)",
        )  # fmt: skip
    if not given:
        raise BadKey(
            "the idempotency key is empty", where=where, expected="a text that identifies the request",
            next="leave the key out if a repetition is a new request",
        )  # fmt: skip
    key_text(given, "idempotency key", where)


def _fault(text: str) -> str:
    if "\0" in text:
        return "contains a NUL"
    if len(text) > LONGEST_KEY:  # avoids encoding a text that is far too long
        return f"has more than {LONGEST_KEY} bytes"
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return "contains half of a surrogate pair, which is not valid text"
    return f"has {size} bytes" if size > LONGEST_KEY else ""
