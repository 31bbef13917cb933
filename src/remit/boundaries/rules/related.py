"""A context imports only from contexts to which it is related, and only downstream from upstream."""

from __future__ import annotations

from remit.boundaries.code import Code
from remit.boundaries.wording import identity, imports, place, stated
from remit.contexts import CustomerSupplier
from remit.errors import Findings


def check_related(code: Code, findings: Findings) -> None:
    """Reports imports that no relation covers, and imports of the downstream by the upstream context."""
    for contact in code.contacts:
        tie = code.ties.between(contact.owner, contact.context)
        if tie.may_use or tie.separate:
            continue
        one, other = contact.owner, contact.context
        if tie.supplies:
            findings.report(
                "import.direction", place(contact, code),
                f"{imports(contact)}, and {one!r} is upstream of {other!r}",
                expected="imports of the upstream by the downstream context only",
                next=f"let {other!r} follow an event of {one!r}, or declare a Partnership of both",
                contexts=(one, other), identity=identity(contact),
            )  # fmt: skip
        elif tie.shares_kernel:
            findings.report(
                "import.beside-kernel", place(contact, code),
                f"{imports(contact)}, and the two share a kernel only",
                expected="imports of the kernel, and nothing else of each other",
                next="move it into the kernel, or declare a further relation",
                contexts=(one, other), identity=identity(contact),
            )  # fmt: skip
        else:
            findings.report(
                "import.unrelated", place(contact, code), f"{imports(contact)}, and no relation covers that",
                expected=f"a relation in which {one!r} is downstream of {other!r}",
                next=f"remove the import, or declare one: "
                f"{stated(code, CustomerSupplier, supplier=other, customer=one)}",
                contexts=(one, other), identity=identity(contact),
            )  # fmt: skip
