"""Refusals: declared answers that say no."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
from typing_extensions import dataclass_transform


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(msgspec.field,))
@dataclasses.dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """A declared answer that says no.

    Raised by the domain, it rolls the unit of work back and reaches the caller typed. Fields are keyword-only.
    Named by its class within the contract of the command or query that declares it. Two that say the same are equal.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _translate_fields(cls)
        dataclasses.dataclass(kw_only=True, eq=False)(cls)

    def __eq__(self, other: object) -> bool:
        names = [field.name for field in dataclasses.fields(self)]
        return type(other) is type(self) and all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        return hash(type(self))  # fields may be what has no hash

    def __str__(self) -> str:
        fields = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({fields})"


def _translate_fields(cls: type[Refusal]) -> None:
    """Users write `field(...)` as in a message; an exception cannot be a struct, so here it becomes a dataclass's."""
    for name, value in list(vars(cls).items()):
        if not isinstance(value, _StructField):
            continue
        if value.default_factory is not msgspec.NODEFAULT:
            setattr(cls, name, dataclasses.field(default_factory=value.default_factory))
        else:
            setattr(cls, name, value.default)


_StructField: Any = type(msgspec.field())  # pyright: ignore[reportUnknownVariableType]  # a class without a public name
