"""The base of what changes: a mutable record with keyword-only fields. Two of one class with equal fields are equal.

Two views of one thing, for the reason given in `remit.messages.base`. The metaclass is needed because a struct's
`kw_only` holds for the class that says it and not for those below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import dataclass_transform

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(msgspec.field,))
    class Mutable:
        """A mutable record with keyword-only fields; a `recording` one also carries what is no field of it."""

        def __init_subclass__(cls, *, recording: bool = False) -> None: ...

else:

    class _MutableMeta(msgspec.StructMeta):
        def __new__(metacls, cls_name, bases, ns, /, *, recording=False, **unknown):
            for option in unknown:
                raise TypeError(f"{cls_name}: no class option {option!r}: it takes none")
            flags = {"dict": True} if recording else {}  # inherited: a struct refuses to hear it is without
            # What another release has written beside is noticed by this, and kept (`Codec.restore`).
            flags["forbid_unknown_fields"] = True
            return super().__new__(metacls, cls_name, bases, ns, kw_only=True, eq=True, **flags)

        def __init__(cls, cls_name, bases, ns, /, **options):  # noqa: N805  # a metaclass, unseen behind StructMeta
            super().__init__(cls_name, bases, ns)

    class Mutable(msgspec.Struct, metaclass=_MutableMeta):
        """A mutable record with keyword-only fields; a `recording` one also carries what is no field of it."""


def needed_fields(cls: type) -> list[str]:
    """The fields of a record that have no default."""
    struct: Any = cls
    fields: tuple[str, ...] = struct.__struct_fields__
    defaults: tuple[Any, ...] = struct.__struct_defaults__  # those of the last fields
    padded = (msgspec.NODEFAULT,) * (len(fields) - len(defaults)) + defaults
    return [field for field, default in zip(fields, padded, strict=True) if default is msgspec.NODEFAULT]
