"""Types of a supplier stay in the handlers of its customer. Only a conformist takes them into its model."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.boundaries.wording import identity, imports, place, stated
from remit.contexts import Conformist
from remit.errors import Findings


def check_models(code: Code, findings: Findings) -> None:
    """Reports imports of another context's published language by a module of the model, unless the relation allows
    it. Identities are allowed: by them a model refers to things of others. A layer with a declared module is the
    subject of another rule."""
    for contact in code.contacts:
        tie = code.ties.between(contact.owner, contact.context)
        if (
            not tie.may_use
            or tie.may_model
            or tie.translations
            or contact.is_identity
            or not code.is_pure(contact.importer)
        ):
            continue
        findings.report(
            "import.in-model", place(contact, code),
            f"{imports(contact)} in its model ({contact.importer})",
            expected="types of another context outside of the model only",
            next=f"translate them outside of the model, or declare "
            f"{stated(code, Conformist, upstream=contact.context, downstream=contact.owner)}",
            contexts=(contact.owner, contact.context), identity=identity(contact),
        )  # fmt: skip
