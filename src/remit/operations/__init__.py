"""What a person does about a system, running or not: functions on its open stores, for a console, a script or a
test."""

from remit.operations.logs import Intact, Missed, Moved, UnknownSubscriber, accept_incomplete, forget, go_on
from remit.operations.parked import (
    Discarded,
    KeyLetters,
    LetterChanged,
    NoReason,
    NotParked,
    SeveralSources,
    discard,
    keys_with_letters,
    parked_keys,
    require_handled,
    retry,
)

__all__ = [
    "Discarded",
    "Intact",
    "KeyLetters",
    "LetterChanged",
    "Missed",
    "Moved",
    "NoReason",
    "NotParked",
    "SeveralSources",
    "UnknownSubscriber",
    "accept_incomplete",
    "discard",
    "forget",
    "go_on",
    "keys_with_letters",
    "parked_keys",
    "require_handled",
    "retry",
]
