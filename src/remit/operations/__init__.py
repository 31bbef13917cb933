"""What a person does about a system, running or not: functions on its open stores, for a console, a script or a
test."""

from remit.operations.archive import (
    Archived,
    NotArchived,
    archive_log,
    archived_channels,
    archived_logs,
    restore_log,
    verify_archive,
    with_archives,
)
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
from remit.operations.rebuild import Rebuild, Rebuilt, sources_of
from remit.operations.refused import CannotRebuild
from remit.operations.upcasting import OldRows, Rewritten, Unreadable, refuse_old_rows, rewrite

__all__ = [
    "Archived",
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
    "NotArchived",
    "NotParked",
    "OldRows",
    "Rebuild",
    "Rebuilt",
    "Rewritten",
    "SeveralSources",
    "UnknownSubscriber",
    "Unreadable",
    "accept_incomplete",
    "archive_log",
    "archived_channels",
    "archived_logs",
    "discard",
    "forget",
    "go_on",
    "keys_with_letters",
    "not_sourced",
    "parked_keys",
    "read_history",
    "refuse_old_rows",
    "require_handled",
    "restore_log",
    "retry",
    "rewrite",
    "sources_of",
    "verify_archive",
    "with_archives",
]
