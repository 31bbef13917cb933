"""What a person does about a system, running or not: functions on its open stores, for a console, a script or a
test."""

from remit.operations.history import Happened, History, Life, NoHistory, not_sourced, read_history
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
from remit.operations.rebuild import CannotRebuild, Rebuild, Rebuilt, sources_of
from remit.operations.upcasting import Rewritten, Unreadable, rewrite

__all__ = [
    "CannotRebuild",
    "Discarded",
    "Happened",
    "History",
    "Intact",
    "KeyLetters",
    "LetterChanged",
    "Life",
    "Missed",
    "Moved",
    "NoHistory",
    "NoReason",
    "NotParked",
    "Rebuild",
    "Rebuilt",
    "Rewritten",
    "SeveralSources",
    "UnknownSubscriber",
    "Unreadable",
    "accept_incomplete",
    "discard",
    "forget",
    "go_on",
    "keys_with_letters",
    "not_sourced",
    "parked_keys",
    "read_history",
    "require_handled",
    "retry",
    "rewrite",
    "sources_of",
]
