"""An anti-corruption layer is the only place that knows the language of the upstream context."""

from __future__ import annotations

from remit.boundaries.code import Code, is_within
from remit.boundaries.wording import identity, imports, place
from remit.errors import Findings


def check_translations(code: Code, findings: Findings) -> None:
    """Reports imports of an upstream context outside of the modules that translate it. Identities are allowed: by them
    a context refers to things of others, and there is nothing to translate."""
    for contact in code.contacts:
        if contact.is_identity:
            continue
        tie = code.ties.between(contact.owner, contact.context)
        if tie.may_use and tie.translations and not is_within(contact.importer, tie.translations):
            module = " or ".join(tie.translations)
            findings.report(
                "import.translation", place(contact, code),
                f"{imports(contact)} in {contact.importer}, outside of its anti-corruption layer",
                expected=f"types of {contact.context!r} in {module} only",
                next=f"let {module} translate it, and import the translation",
                contexts=(contact.owner, contact.context), identity=identity(contact),
            )  # fmt: skip
