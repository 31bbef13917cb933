"""How findings name a contact of two contexts: what is imported, in which spelling, and through which modules."""

from __future__ import annotations

from remit.boundaries.code import Code, Contact


def imports(contact: Contact) -> str:
    """`context "billing" imports shop.sales.model.Order (importlib.import_module) through shop.common`."""
    how = "" if contact.use.how in ("import", "from", "relative") else f" ({contact.use.how})"
    typing = ", for type checkers only" if contact.use.typing else ""
    through = f" through {' and '.join(contact.via)}" if contact.via else ""
    return f"context {contact.owner!r} imports {contact.touched}{how}{typing}{through}"


def place(contact: Contact, code: Code) -> str:
    """The line of the importer."""
    return code.place(contact.importer, contact.use.line)


def offered(code: Code, context: str) -> str:
    """What a context publishes, as text."""
    published = code.published_by(context)
    return " or ".join(published) if published else f"nothing: {context!r} publishes no module"
