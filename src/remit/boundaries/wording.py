"""How findings name a contact of two contexts: what is imported, in which spelling, and through which modules."""

from __future__ import annotations

from remit.boundaries.code import Code, Contact
from remit.boundaries.map_file import RELATIONS
from remit.contexts import Relation


def imports(contact: Contact) -> str:
    """`context "billing" imports shop.sales.model.Order (importlib.import_module) through shop.common`."""
    is_plain = contact.is_indirect or contact.use.how in ("import", "from", "relative")
    how = "" if is_plain else f" ({contact.use.how})"
    typing = ", for type checkers only" if contact.use.typing and not contact.is_indirect else ""
    through = f" through {' and '.join(contact.via)}" if contact.via else ""
    return f"context {contact.owner!r} imports {contact.touched}{how}{typing}{through}"


def identity(contact: Contact) -> str:
    """What stays the same about it when lines move: who imports, and what is imported, with its name in the module."""
    importer = f"{contact.owner} through {contact.via[-1]}" if contact.is_indirect else contact.importer
    name = contact.key[-1]
    return f"{importer} imports {contact.steps[0].module}{f'.{name}' if name else ''}"


def place(contact: Contact, code: Code) -> str:
    """The line of the importer. Where modules of no context lead there, that of the last one: it is the cause, for all
    modules of the context."""
    if contact.is_indirect:
        cause = contact.via[-1]
        return code.place(cause, code.imports[cause][contact.touched].line)
    return code.place(contact.importer, contact.use.line)


def stated(code: Code, kind: type[Relation], **roles: str) -> str:
    """A relation as it is written in the map: in TOML, or in Python."""
    if code.map.where.endswith(".toml"):
        word = next(word for word, form in RELATIONS.items() if form.make is kind)
        return ", ".join(f'{key} = "{value}"' for key, value in {"kind": word, **roles}.items()) + " in [[relations]]"
    given = ", ".join(f"{role}={name!r}" for role, name in roles.items())
    return f"{kind.__name__}({given})"


def offered(code: Code, context: str) -> str:
    """What a context publishes, as text."""
    published = code.published_by(context)
    return " or ".join(published) if published else f"nothing: {context!r} publishes no module"
