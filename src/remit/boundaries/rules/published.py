"""Only the published language of a context is imported by others."""

from __future__ import annotations

from remit.boundaries.code import Code, Contact
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
        if _is_on_the_way(contact, code):
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


def _is_on_the_way(contact: Contact, code: Code) -> bool:
    """Whether a file imports a package, and uses nothing but modules in it: `from shop import sales`, with
    `sales.api.OrderPlaced`. These modules are contacts of their own."""
    (module, name), facts = contact.steps[0], code.modules.facts.get(contact.importer)
    if name or facts is None or contact.use.how not in ("from", "relative", "import"):
        return False
    inside = [use.target for use in facts.uses if use.target.startswith(f"{module}.")]
    return bool(inside) and all(code.modules.module_of(target) != module for target in inside)
