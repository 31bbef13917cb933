"""Only the published language of a context is imported by others."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.boundaries.wording import identity, imports, offered, place
from remit.errors import Findings


def check_published(code: Code, findings: Findings) -> None:
    """Reports imports by a related context of something that the other context does not publish.

    A name counts as published if any module that passes it on is: the published module may take it from elsewhere in
    its context, and the package may take it from the published module.
    """
    for contact in code.contacts:
        if not code.ties.between(contact.owner, contact.context).may_use:
            continue
        if not any(code.is_published(module, contact.context) for module, _ in contact.steps):
            published = offered(code, contact.context)
            findings.report(
                "import.unpublished", place(contact, code),
                f"{imports(contact)}, which {contact.context!r} does not publish",
                expected=f"imports of {published}",
                next=f"import it from {published}, which has to offer it",
                contexts=(contact.owner, contact.context), identity=identity(contact),
            )  # fmt: skip
