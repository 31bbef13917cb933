"""The base of mutable records: keyword-only fields, and equality by class and fields.

It has two definitions, for the reason given in `remit.messages.base`. The metaclass is needed because the option
`kw_only` of a struct does not apply to its subclasses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from typing_extensions import dataclass_transform

from remit.domain.freshness import Freshness

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(msgspec.field,))
    class Mutable:
        """A mutable record with keyword-only fields. With `recording`, instances can hold attributes beside fields.
        `version` is the version of the stored form."""

        def __init_subclass__(cls, *, recording: bool = False, version: int = 1) -> None: ...

else:

    class _MutableMeta(msgspec.StructMeta):
        def __new__(
            metacls, cls_name, bases, ns, /, *, recording=False, version=1, indexes=(), freshness=None, **other
        ):
            known = {"version": True}  # class options, and whether classes of this kind have them
            for option, given in (("freshness", freshness), ("indexes", indexes)):
                known[option] = any(hasattr(base, f"__remit_{option}__") for base in bases)
                if given and not known[option]:
                    other[option] = given
            for option in other:
                options = ", ".join(sorted(name for name, has in known.items() if has))
                raise TypeError(f"{cls_name}: no class option {option!r}. Options: {options}")
            if not isinstance(freshness, Freshness | None):
                raise TypeError(f"{cls_name}: freshness={freshness!r} must be a Freshness(warn=..., critical=...)")
            if type(version) is not int or version < 1:
                raise TypeError(f"{cls_name}: version={version!r} must be a whole number from 1 on")
            flags = {"dict": True} if recording else {}  # inherited: a struct refuses dict=False below dict=True
            # An unknown field raises, so that `Codec.restore` notices the fields of another release and keeps them.
            flags["forbid_unknown_fields"] = True
            made = super().__new__(metacls, cls_name, bases, ns, kw_only=True, eq=True, **flags)
            made.__remit_version__ = version
            if freshness is not None:
                made.__remit_freshness__ = freshness
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
