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


def check_keys(code: Code, findings: Findings) -> None:
    """Reports fields of Django that refer by a text to a model of another context: a foreign key between two contexts,
    without any import. Migrations are not looked at, because nobody changes them later."""
    shared, apps = _shared(code), _apps(code)
    for facts in code.read:
        name = code.owner_of(facts.module)
        if name is None or "migrations" in facts.module.split("."):
            continue
        for text, line in facts.keys:
            app, _, model = text.partition(".")
            owners = apps.get(app, [name])
            table = f"{app}_{model}".lower()
            if name in owners or _is_shared((table,), (owners[0], name), shared, code):
                continue
            findings.report(
                "sql.foreign-table", f"{facts.path}:{line}",
                f"context {name!r} refers to the model {text} of {owners[0]!r} by a foreign key",
                expected=f"foreign keys to the models of {name!r} only",
                next=f"keep the identity of the {model} in a plain field",
                contexts=(name, owners[0]), identity=f"{facts.module} refers to {text}",
            )  # fmt: skip


def _apps(code: Code) -> Mapping[str, list[str]]:
    """The contexts of each app of Django, by its label: the last part of the package that has models."""
    found: dict[str, list[str]] = {}
    for module in code.modules.facts:
        package, _, last = module.rpartition(".")
        owner = code.owner_of(package) if last in ("apps", "models") else None
        if owner is not None:
            found.setdefault(package.rpartition(".")[2], []).append(owner)
    return found


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
        schema = "" if context.schema_is_usual else context.schema.lower()
        for table in map(str.lower, context.tables):
            other = claimed.setdefault((schema, table), context.name)
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
    if schema:  # those that declare another schema have their tables there
        elsewhere = {name for names in owners.values() for name in names} & {*schemas.values()}
        owners = {
            named: [name for name in names if name not in elsewhere or "." in named] for named, names in owners.items()
        }
        if schema[-1] == "information_schema":
            return context
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
