"""Logs the notes on a system when a process starts: one line per note, once."""

from __future__ import annotations

import logging

from remit.checks import notes_on
from remit.contexts import Model
from remit.errors import visible

log = logging.getLogger("remit")


def tell_notes(model: Model) -> None:
    """Logs the notes on a model at level INFO, because none of them needs action at once."""
    if log.isEnabledFor(logging.INFO):
        for note in notes_on(model):
            log.info("%s %s: %s", note.code, visible(note.where), visible(note.what))
