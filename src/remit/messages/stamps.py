"""The version of a stored state, at the beginning of its bytes: `{"remit.version":2,` and then the fields.

A state of version 1 has no stamp. So a state costs nothing before its class has a second version.
"""

from __future__ import annotations

import re

import msgspec

_STAMP = re.compile(rb'\{"remit\.version":(\d{1,18})(,|\}$)')


def stamp_of(version: int) -> bytes:
    """The beginning of the bytes of a state of this version."""
    return b"{" if version == 1 else b'{"remit.version":%d' % version


def stamped(stamp: bytes, body: bytes) -> bytes:
    """The bytes of a state with this stamp, from those of its fields."""
    if stamp == b"{":
        return body
    return stamp + (b"}" if body == b"{}" else b"," + body[1:])


def version_of(body: bytes) -> int:
    """The version of a stored state."""
    found = _STAMP.match(body)
    return 1 if found is None else int(found[1])


def without_stamp(body: bytes) -> bytes:
    """The bytes of the fields of a stored state."""
    found = _STAMP.match(body)
    if found is None:
        return body
    return b"{}" if found[2] == b"}" else b"{" + body[found.end() :]


def refuse_versions(body: bytes | str) -> None:
    """Raises `msgspec.ValidationError` for a state that has a version, where the class has none."""
    if (version := version_of(body.encode() if isinstance(body, str) else body)) > 1:
        raise newer(version, 1)


def newer(version: int, known: int) -> msgspec.ValidationError:
    """The error for a state of a version that this release does not know."""
    return msgspec.ValidationError(f"it has version {version}, and this release knows versions up to {known}")
