"""The base of mutable records: keyword-only fields, and equality by class and fields.

It has two definitions, for the reason given in `remit.messages.base`. The metaclass is needed because the option
`kw_only` of a struct does not apply to its subclasses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import dataclass_transform

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(msgspec.field,))
    class Mutable:
        """A mutable record with keyword-only fields. With `recording`, instances can hold attributes beside fields.
        `version` is the version of the stored form."""

        def __init_subclass__(cls, *, recording: bool = False, version: int = 1) -> None: ...

else:

    class _MutableMeta(msgspec.StructMeta):
        def __new__(metacls, cls_name, bases, ns, /, *, recording=False, version=1, indexes=(), **unknown):
            if indexes and not any(hasattr(base, "__remit_indexes__") for base in bases):
                unknown["indexes"] = indexes
            for option in unknown:
                raise TypeError(f"{cls_name}: no class option {option!r}. Options: version")
            if type(version) is not int or version < 1:
                raise TypeError(f"{cls_name}: version={version!r} must be a whole number from 1 on")
            flags = {"dict": True} if recording else {}  # inherited: a struct refuses dict=False below dict=True
            # An unknown field raises, so that `Codec.restore` notices the fields of another release and keeps them.
            flags["forbid_unknown_fields"] = True
            made = super().__new__(metacls, cls_name, bases, ns, kw_only=True, eq=True, **flags)
            made.__remit_version__ = version
            if indexes:
                made.__remit_indexes__ = tuple((each,) if isinstance(each, str) else tuple(each) for each in indexes)
            return made

        def __init__(cls, cls_name, bases, ns, /, **options):  # noqa: N805  # a metaclass, unseen behind StructMeta
            super().__init__(cls_name, bases, ns)
            cls.__remit_plain__ = set()

    class Mutable(msgspec.Struct, metaclass=_MutableMeta):
        """A mutable record with keyword-only fields. With `recording`, instances can hold attributes beside fields."""


def needed_fields(cls: type) -> list[str]:
    """The fields of a record that have no default."""
    struct: Any = cls
    fields: tuple[str, ...] = struct.__struct_fields__
    defaults: tuple[Any, ...] = struct.__struct_defaults__  # defaults of the last fields only
    padded = (msgspec.NODEFAULT,) * (len(fields) - len(defaults)) + defaults
    return [field for field, default in zip(fields, padded, strict=True) if default is msgspec.NODEFAULT]
