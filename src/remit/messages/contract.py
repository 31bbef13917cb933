"""What a message class declares: wire name, version, reply and refusals. Read once per class."""

from __future__ import annotations

import sys
import types
from typing import Any, Never, TypeAlias, TypeVar, Union, get_args, get_origin

import msgspec

from remit.messages.base import Command, Message, Query, Refusal

MessageType: TypeAlias = type[Message]  # `type` is a field of the class below


class Contract(msgspec.Struct, frozen=True):
    """Wire name (`context.Name`), version, ordering field and identity field of one message class."""

    type: str
    version: int
    message: MessageType
    key: str | None
    identity: str | None = None


def contract_of(message: type[Message], context: str) -> Contract:
    """The contract of a message class that `context` owns. Independent of Python module and class path."""
    own: Any = message
    return Contract(
        f"{context}.{own.__remit_name__}", own.__remit_version__, message, own.__remit_key__, own.__remit_identity__
    )


def declared_context(message: type) -> str | None:
    """The context named by `__context__` in the module of this class, or None."""
    module = sys.modules.get(message.__module__)
    return getattr(module, "__context__", None)


def parameter_of(cls: type, base: type) -> tuple[Any, ...]:
    """The type arguments that a class above `cls` gives to the generic `base`, or ()."""
    for above in getattr(cls, "__orig_bases__", ()):
        origin = get_origin(above)
        if origin is base:
            return get_args(above)
        if found := parameter_of(origin or above, base):
            given: dict[object, Any] = dict(zip(getattr(origin, "__parameters__", ()), get_args(above), strict=False))
            return tuple([given.get(each, each) if isinstance(each, TypeVar) else each for each in found])
    return ()


def reply_of(message: type[Message]) -> tuple[Any, tuple[type[Refusal], ...]]:
    """Reply type and declared refusals of a command or query class."""
    arguments = parameter_of(message, Command) or parameter_of(message, Query)
    reply = arguments[0] if arguments else None
    refusals = arguments[1] if len(arguments) > 1 else Never
    return reply, union_members(refusals)


def union_members(declared: Any) -> tuple[Any, ...]:
    """The members of a union. For any other type, the type itself; for `Never`, nothing."""
    if declared is Never:
        return ()
    return get_args(declared) if get_origin(declared) in (Union, types.UnionType) else (declared,)
