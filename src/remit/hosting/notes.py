"""What a process says of its system when it starts: notes, one line each, once."""

from __future__ import annotations

import logging

from remit.checks import notes_on
from remit.contexts import Model
from remit.errors import visible

log = logging.getLogger("remit")


def tell_notes(model: Model) -> None:
    """Logs what holds in a model and is perhaps not meant so, at level INFO: no one has to be woken."""
    if log.isEnabledFor(logging.INFO):
        for note in notes_on(model):
            log.info("%s %s: %s", note.code, visible(note.where), visible(note.what))
