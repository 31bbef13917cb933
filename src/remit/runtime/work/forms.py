"""How what a context records and publishes is written, also what no declaration names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from remit.messages import Codec, Contract
from remit.runtime.plan import EventPlan

__all__ = ["Forms"]


class Forms(dict[type, EventPlan]):
    """The plans of messages by class. One that is met for the first time is planned then."""

    __slots__ = ("_contract",)

    def __init__(self, known: Mapping[type, EventPlan], contract: Callable[[type], Contract]) -> None:
        super().__init__(known)
        self._contract = contract

    def __missing__(self, message: type) -> EventPlan:
        plan = self[message] = EventPlan(self._contract(message), Codec[Any](message))
        return plan
