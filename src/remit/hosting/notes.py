"""What a process says about its system when it starts: how many notes there are."""

from __future__ import annotations

import logging
from collections import Counter

from remit.checks import notes_on
from remit.contexts import Model

log = logging.getLogger("remit")


def tell_notes(model: Model) -> None:
    """Logs one line at level INFO if there are notes on the model. `remit check` shows the notes themselves."""
    if log.isEnabledFor(logging.INFO) and (notes := notes_on(model)):
        codes = ", ".join(f"{code} ({count})" for code, count in sorted(Counter(note.code for note in notes).items()))
        log.info("notes on this system: %s. `remit check` shows them", codes)
