"""The base classes of messages.

Each class has two definitions. Type checkers see a plain class with `dataclass_transform`. At run time the class is an
immutable, keyword-only struct whose metaclass adds the class options. If the checked class derived from the struct,
mypy would apply the transform of the struct, which is not keyword-only.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Never, Self

import msgspec
from typing_extensions import TypeVar, dataclass_transform


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(msgspec.field,))
@dataclasses.dataclass(kw_only=True, eq=False)
class Refusal(Exception):
    """A declared answer that says no.

    Raised in a handler, it rolls the unit of work back, and the caller receives it with its type. Returned, it commits
    the unit of work. Fields are keyword-only. Its wire name is the class name, within the contract of the command or
    query that declares it. Two refusals of one class with equal fields are equal.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _translate_fields(cls)
        dataclasses.dataclass(kw_only=True, eq=False)(cls)

    def __eq__(self, other: object) -> bool:
        names = [field.name for field in dataclasses.fields(self)]
        return type(other) is type(self) and all(getattr(self, name) == getattr(other, name) for name in names)

    def __hash__(self) -> int:
        return hash(type(self))  # a field may be unhashable

    def __str__(self) -> str:
        fields = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({fields})"


def _translate_fields(cls: type[Refusal]) -> None:
    """An exception cannot be a struct. So a `field(...)` of `msgspec` becomes a field of a dataclass."""
    for name, value in list(vars(cls).items()):
        if not isinstance(value, _StructField):
            continue
        if value.default_factory is not msgspec.NODEFAULT:
            setattr(cls, name, dataclasses.field(default_factory=value.default_factory))
        else:
            setattr(cls, name, value.default)


_StructField: Any = type(msgspec.field())  # pyright: ignore[reportUnknownVariableType]  # a class without a public name


field = msgspec.field

R = TypeVar("R", covariant=True)
E = TypeVar("E", bound=Refusal, default=Never, covariant=True)
M = TypeVar("M", covariant=True)

# names that no field may have, because every message has a method of that name
RESERVED = frozenset({"replace"})

if TYPE_CHECKING:

    @dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
    class _Frozen:
        """An immutable record with keyword-only fields."""

        __struct_fields__: ClassVar[tuple[str, ...]]

        def replace(self, **changes: Any) -> Self:
            """A copy with some fields changed."""
            raise NotImplementedError

    class _Named(_Frozen):
        def __init_subclass__(cls, *, name: str | None = None, version: int = 1, key: str | None = None) -> None: ...

else:

    class _FrozenMeta(msgspec.StructMeta):
        def __new__(
            metacls, cls_name, bases, ns, /, *, name=None, version=1, key=None, identity=None, tag=None, **unknown
        ):
            for option in unknown:
                raise TypeError(f"{cls_name}: no class option {option!r}. Options: {', '.join(_options(bases))}")
            tolerant = any(getattr(each, "__remit_tolerant__", False) for each in bases) or "__remit_tolerant__" in ns
            if tag is not None and any(Message in base.__mro__ for base in bases):
                raise TypeError(f"{cls_name}: only a Value has a tag")
            flags = {"frozen": True, "kw_only": True, "forbid_unknown_fields": not tolerant}
            cls = super().__new__(metacls, cls_name, bases, ns, tag=tag, **flags)
            cls.__remit_name__ = name or cls_name
            cls.__remit_version__ = version
            # What orders a message, and tells which it is, is said once, for all that inherit the field.
            cls.__remit_key__ = key if key is not None else getattr(cls, "__remit_key__", None)
            cls.__remit_identity__ = identity if identity is not None else getattr(cls, "__remit_identity__", None)
            _check_options(cls, name, version, {"key": key, "identity": identity})
            return cls

        def __init__(cls, cls_name, bases, ns, /, **options):  # noqa: N805  # a metaclass, unseen behind StructMeta
            super().__init__(cls_name, bases, ns)

    def _is_stored(bases):
        return any(getattr(base, "__remit_stored__", False) for base in bases)

    def _options(bases):
        if not any(Message in base.__mro__ for base in bases):
            return ("name", "tag", "version") if _is_stored(bases) else ("name", "tag")
        named = ("name", "version", "key")
        return (*named, "identity") if any(Command in base.__mro__ for base in bases) else named

    def _check_options(cls, name, version, named):
        fields = cls.__struct_fields__
        for option, is_given in (("version", version != 1), ("key", named["key"] is not None)):
            if is_given and option not in (options := _options(cls.__mro__)):
                raise TypeError(f"{cls.__name__}: no class option {option!r}. Options: {', '.join(options)}")
        if name is not None and not (isinstance(name, str) and name.isidentifier()):
            raise TypeError(f"{cls.__name__}: name={name!r} must be letters, digits and '_', beginning with a letter")
        if type(version) is not int or version < 1:
            raise TypeError(f"{cls.__name__}: version={version!r} must be a whole number from 1 on")
        for option, field_name in named.items():
            if field_name is not None and field_name not in fields:
                raise TypeError(
                    f"{cls.__name__}: {option}={field_name!r} names no field of this message. "
                    f"Fields: {', '.join(fields) or 'none'}"
                )
        if named["identity"] is not None and "identity" not in _options(cls.__mro__):
            raise TypeError(f"{cls.__name__}: only a command has an identity")
        for field_name in RESERVED & set(fields):
            raise TypeError(
                f"{cls.__name__}: a field may not be called {field_name!r}: messages have a method of that name"
            )

    class _Frozen(msgspec.Struct, metaclass=_FrozenMeta):
        def replace(self, **changes):
            return msgspec.structs.replace(self, **changes)

    _Named = _Frozen


class _Signature(Generic[M, R, E]):
    """A message with its reply and its refusals, as type checkers read them from a class. Unused at run time."""


class Value(_Frozen):
    """An immutable object without identity, used inside messages and aggregates (money, an address, a line).

    In a union of structs, such as `shape: Free | Held`, the wire name of the struct is written under `$type`, beside
    its fields.

    Class options: `name` (wire name, default the class name); `tag` (a text, or `True` for the class name). A tag is
    written under `type` wherever the value stands. If one member of a union has a tag, every member needs one.
    """

    if TYPE_CHECKING:

        def __init_subclass__(cls, *, name: str | None = None, tag: str | bool | None = None) -> None: ...


class Message(_Named):
    """The common base of commands, queries and events. Not subclassed by users."""

    __test__: ClassVar[bool] = False
    """Tells pytest that a message is no test, even if its name begins with `Test`."""


class Command(Message, Generic[R, E]):
    """A request to change something. It has one handler, a reply `R` or a declared refusal `E`, and always a deadline.

    Class options: `name` (wire name, default the class name); `version` (a whole number from 1 on); `key` (the field
    that orders commands sent for later); `identity` (the field that identifies the request: while one message is
    handled, even if it is handled several times, a command of this type and identity takes effect at most once,
    whatever its other fields are). A subclass has the same `key` and `identity`, unless it names others. Raises
    `TypeError` when the class is made with a wrong option.
    """

    if TYPE_CHECKING:

        def __init_subclass__(
            cls, *, name: str | None = None, version: int = 1, key: str | None = None, identity: str | None = None
        ) -> None: ...
        @classmethod
        def _command(cls) -> _Signature[Self, R, E]: ...


class Query(Message, Generic[R, E]):
    """A question without side effects. It has one handler, a reply `R` or a declared refusal `E`, and always a
    deadline."""

    if TYPE_CHECKING:

        @classmethod
        def _query(cls) -> _Signature[Self, R, E]: ...


class DomainEvent(Message):
    """Something that happened, in the words of the context. Private to its context."""

    __remit_tolerant__ = True

    if TYPE_CHECKING:

        @classmethod
        def _event(cls) -> Self: ...
        @classmethod
        def _domain(cls) -> Self: ...
        @classmethod
        def _owner(cls) -> Self: ...


class IntegrationEvent(Message):
    """A lean, versioned contract, made from a domain event by a publisher. Readers ignore fields that they do not know.

    Class options: `version`, `name`, and `key` (the field that orders the events; default: the key of the domain
    event). A subclass has the same `key`, unless it names another one.
    """

    __remit_tolerant__ = True

    if TYPE_CHECKING:

        @classmethod
        def _event(cls) -> Self: ...
        @classmethod
        def _owner(cls) -> Never: ...
