"""Claims: values that at most one aggregate has at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic

from typing_extensions import TypeVar

from remit.domain.aggregate import Aggregate

V = TypeVar("V")
A = TypeVar("A", bound=Aggregate[Any, Any])


class Claim(Generic[V, A]):
    """A value that at most one aggregate of a class has at a time: `class Email(Claim[str, Account])`.

    Never instantiated. A handler asks for `Claims[Email]` and takes values for its aggregates.
    """

    if TYPE_CHECKING:

        def _value(self) -> V: ...
        def _owner(self) -> A: ...
