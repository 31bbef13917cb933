"""The codec of a state whose class has a version above 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from remit.errors import NotUpcast
from remit.messages.codec import UNWRITABLE, Codec, Rest
from remit.messages.stamps import newer, stamp_of, stamped, version_of, without_stamp

T = TypeVar("T")

Convert = Callable[[int, dict[str, Any]], dict[str, Any]]
"""Makes the newest form of the fields of a state from those of an older version."""


class VersionedCodec(Codec[T]):
    """Writes a state with its version, and reads every version up to it.

    `convert` raises what a state that it cannot convert raises; a later version raises `msgspec.ValidationError`.
    """

    __slots__ = ("_convert", "_plain", "_stamp", "version")

    def __init__(self, type: Any, version: int, convert: Convert) -> None:
        super().__init__(type)
        self.version = version
        self._convert = convert
        self._stamp, encode, self._plain = stamp_of(version), self.encode, self._decoder.decode
        self.encode: Callable[[Any], bytes] = lambda value: stamped(self._stamp, encode(value))
        self.decode: Callable[[bytes | str], T] = lambda data: self._plain(self.current(data))
        self.write: Callable[[T], bytes] = self._writing()

    def current(self, data: bytes | str) -> bytes:
        """The bytes of the fields, in the form of the newest version."""
        body = data.encode() if isinstance(data, str) else bytes(data)
        version = version_of(body)
        if version == self.version:
            return without_stamp(body)
        if version > self.version:
            raise newer(version, self.version)
        fields = msgspec.json.decode(without_stamp(body), type=dict[str, Any])
        converted = self._convert(version, fields)
        try:
            return msgspec.json.encode(converted)
        except UNWRITABLE as error:
            raise NotUpcast(
                f"version {version} cannot be read: an upcaster made what JSON does not have: {error}",
                where=self._name,
            ) from error  # fmt: skip

    def restore(self, data: bytes | str) -> tuple[T, Rest | None]:
        value, rest = super().restore(self.current(data))
        if rest is not None:
            rest.stored_as(lambda body: stamped(self._stamp, body))
        return value, rest
