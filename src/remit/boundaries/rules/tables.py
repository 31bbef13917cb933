"""A context reads and writes its own tables only: SQL names no table of another context."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from remit.boundaries.code import Code
from remit.contexts import SharedKernel
from remit.errors import Findings
from remit.stores.sql_text import tables_in, unseen_in


def check_tables(code: Code, findings: Findings) -> None:
    """Reports tables that several contexts claim, and SQL of a context that names a table of another one."""
    shared = _shared(code)
    _check_claims(code, shared, findings)
    owners: dict[str, list[str]] = {}
    for context in code.map.contexts:
        for table in context.tables:
            owners.setdefault(table.lower(), []).append(context.name)
    schemas = {context.schema.lower(): context.name for context in code.map.contexts if context.schema}
    for facts in code.read if owners or schemas else ():
        name = code.owner_of(facts.module)
        for text, line in facts.sql if name is not None else ():
            _note_unseen(text, f"{facts.path}:{line}", facts.module, name or "", findings)
            for parts in tables_in(text):
                owner = _owner_of(parts, name or "", owners, schemas)
                if owner == name or _is_shared(parts, (owner, name or ""), shared, code):
                    continue
                findings.report(
                    "sql.foreign-table", f"{facts.path}:{line}",
                    f"context {name!r} names the table {'.'.join(parts)} of {owner!r} in SQL",
                    expected=f"SQL on the tables of {name!r} only",
                    next=f"ask {owner!r} by a query, or keep a copy from its events",
                    contexts=(name or "", owner),
                )  # fmt: skip


def _note_unseen(text: str, where: str, module: str, context: str, findings: Findings) -> None:
    for function in unseen_in(text):
        findings.note(
            "sql.computed", where,
            f"context {context!r} runs a text by {function.upper()}, and the text cannot be seen",
            expected="SQL that is written in the source text",
            next="write the statement there, so that its tables can be compared with the map",
            contexts=(context,), identity=f"{module} {function}",
        )  # fmt: skip


def _check_claims(code: Code, shared: Mapping[str, list[set[str]]], findings: Findings) -> None:
    claimed: dict[tuple[str, str], str] = {}
    for context in code.map.contexts:
        for table in map(str.lower, context.tables):
            other = claimed.setdefault((context.schema.lower(), table), context.name)
            if other != context.name and not _is_shared((table,), (other, context.name), shared, code):
                findings.report(
                    "sql.shared-table", context.where or code.map.where,
                    f"contexts {other!r} and {context.name!r} both claim the table {table}",
                    expected="each table in one context, or in the tables of a SharedKernel",
                    next="leave it to one of them; the other calls it or follows its events",
                )  # fmt: skip


def _owner_of(parts: Iterable[str], context: str, owners: Mapping[str, list[str]], schemas: Mapping[str, str]) -> str:
    """The context that a table belongs to. The context that names it, if it has such a table or nobody has."""
    *schema, table = parts
    if schema and schema[-1] in schemas:
        return schemas[schema[-1]]
    claimed = owners.get(table) or (owners.get(".".join((*schema[-1:], table))) if schema else None) or [context]
    return context if context in claimed else claimed[0]


def _is_shared(parts: Sequence[str], pair: tuple[str, str], shared: Mapping[str, list[set[str]]], code: Code) -> bool:
    """Whether a kernel of the two contexts lists a table: by its name alone, or with the schema that it stands in."""
    owner = code.map.context(pair[0])
    names = {parts[-1], ".".join(parts[-2:]), f"{owner.schema if owner else ''}.{parts[-1]}".lower()}
    return any({*pair} <= each for name in names for each in shared.get(name, ()))


def _shared(code: Code) -> Mapping[str, list[set[str]]]:
    """The pairs of contexts that share each table."""
    found: dict[str, list[set[str]]] = {}
    for relation in code.map.relations:
        if isinstance(relation, SharedKernel):
            for table in relation.tables:
                found.setdefault(table.lower(), []).append({*relation.names})
    return found
