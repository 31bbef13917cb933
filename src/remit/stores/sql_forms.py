"""Whether a text is SQL: it begins like a statement, and has the further keywords of that statement in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

from remit.stores.sql_prose import is_prose
from remit.stores.sql_tokens import END, Token, tokens_of

_BEGIN = re.compile(r"(?>[\s(;]+|--[^\n]*|#[^\n]*|/\*(?:[^*]|\*(?!/))*+\*/)*+([A-Za-z]+)")
_VERBS = frozenset({"select", "insert", "update", "delete", "merge", "values", "table", "with"})
_COMPARES = frozenset({"=", "<", ">", "(", "?", ".", "%", "$", ":", "in", "like", "is", "between", "exists", "not"})
_KINDS = frozenset({
    "table", "view", "index", "unique", "trigger", "materialized", "temp", "temporary", "or", "unlogged", "global",
    "local", "function", "procedure", "rule", "virtual", "foreign", "schema", "policy",
})  # fmt: skip
RUN_TEXT = frozenset({
    "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "table_to_xml", "table_to_xmlschema",
    "table_to_xml_and_xmlschema", "dblink", "dblink_exec", "dblink_open", "dblink_send_query", "crosstab", "crosstab2",
    "crosstab3", "crosstab4", "ts_stat", "ts_rewrite", "schema_to_xml", "schema_to_xmlschema",
    "schema_to_xml_and_xmlschema", "database_to_xml", "database_to_xmlschema", "database_to_xml_and_xmlschema",
    "cursor_to_xml", "cursor_to_xmlschema", "nextval", "currval", "setval",
})  # fmt: skip
"""Functions that run a text as a statement, or read the table, sequence or schema that a text names."""
_Form = Callable[[Sequence[Token]], bool]


def looks_like_sql(text: str, *, is_run: bool = False) -> bool:
    """Whether a text is likely a statement of SQL, or a part of one that names a table. `is_run` says that the text is
    given to something that runs SQL, so that it is no sentence of English."""
    begin = _BEGIN.match(text)
    if begin is None or begin[1].lower() not in _FORMS:
        return False
    rest = tokens_of(text[begin.start(1) :])
    while statement := [*takewhile(lambda token: token.value != ";", rest)]:
        if _is_statement(statement, is_run=is_run):
            return True
    return False


def begins_statement(text: str) -> bool:
    """Whether a text begins with a word that begins a statement."""
    begin = _BEGIN.match(text)
    return begin is not None and begin[1].lower() in _FORMS


def _is_statement(tokens: Sequence[Token], *, is_run: bool = False) -> bool:
    while tokens and tokens[0].value == "(":
        tokens = tokens[1:]
    form = _FORMS.get(tokens[0].value) if tokens else None
    return form is not None and form(tokens) and (is_run or not is_prose(tokens))


def _value(tokens: Sequence[Token], number: int) -> str:
    return (tokens[number] if number < len(tokens) else END).value


def _after(tokens: Sequence[Token], *words: str) -> Sequence[Token] | None:
    """The tokens from the first of these words on. None if there is none."""
    return next((tokens[number:] for number, token in enumerate(tokens) if token.value in words), None)


def _has_after(tokens: Sequence[Token], words: Sequence[str], wanted: frozenset[str]) -> bool:
    rest = _after(tokens, *words)
    return rest is not None and any(token.value in wanted for token in rest[1:])


def _select(tokens: Sequence[Token]) -> bool:
    rest = _after(tokens, "from", "into", "table")
    return (rest is not None and len(rest) > 1) or any(
        token.value in RUN_TEXT and _value(tokens, number + 1) == "(" for number, token in enumerate(tokens)
    )


def _insert(tokens: Sequence[Token]) -> bool:
    return len(tokens) > 3 and (_value(tokens, 1) in _OF_INSERT)


_OF_INSERT = frozenset({"into", "or", "overwrite", "ignore", "low_priority", "high_priority", "delayed"})


def _update(tokens: Sequence[Token]) -> bool:
    return _has_after(tokens, ["set"], frozenset({"="}))


def _delete(tokens: Sequence[Token]) -> bool:
    rest = _after(tokens[:6], "from")
    return rest is not None and _after(tokens, "from") is not None and len(tokens) > 2


def _with(tokens: Sequence[Token]) -> bool:
    rest = _after(tokens, "as")
    return rest is not None and _value([*filter(lambda token: token.value not in _MATERIAL, rest)], 2) in _VERBS


_MATERIAL = frozenset({"not", "materialized"})


def _defines(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) in _KINDS and len(tokens) > 2


def _truncate(tokens: Sequence[Token]) -> bool:
    names = [token for token in tokens[1:] if token.value not in ("table", "only", ".")]
    return bool(names) and _value(names, 1) in ("", ",", "cascade", "restart", "restrict", "continue")


def _lock(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) in ("table", "tables") or _after(tokens, "mode") is not None


def _copy(tokens: Sequence[Token]) -> bool:
    rest = _after(tokens[1:], "from", "to") or [END, END]
    return _value(tokens, 1) == "(" or _value(rest, 1) in ("stdin", "stdout", "program") or rest[1].kind == "text"


def _from(tokens: Sequence[Token]) -> bool:
    return _has_after(tokens, ["where"], _COMPARES)


def _join(tokens: Sequence[Token]) -> bool:
    return _after(tokens[:4], "join") is not None and _has_after(tokens, ["on", "using"], _COMPARES)


def _references(tokens: Sequence[Token]) -> bool:
    return _after(tokens[2:6], "(") is not None


def _on(tokens: Sequence[Token]) -> bool:
    if tokens[0].value == "comment" and _value(tokens, 2) not in _COMMENTED:
        return False
    return _after(tokens, "on") is not None and _after(tokens, "to", "from", "is") is not None


_COMMENTED = _KINDS | {"column", "sequence", "constraint", "type", "domain", "role", "database", "extension"}


def _within(tokens: Sequence[Token]) -> bool:
    """A statement that holds another one near its begin."""
    rest = _after(tokens[1:12], *_VERBS)
    return rest is not None and _is_statement(tokens[len(tokens[:12]) - len(rest) :])


def _do(tokens: Sequence[Token]) -> bool:
    return any(token.kind == "body" for token in tokens)


def _values(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) == "(" and _select(tokens)


def _table(tokens: Sequence[Token]) -> bool:
    return tokens[0].given.isupper() and len(tokens) in (2, 4)


def _upkeep(tokens: Sequence[Token]) -> bool:
    return tokens[0].given.isupper() and len(tokens) > 1


def _alone(_: Sequence[Token]) -> bool:
    """Statements that name no table, and may stand before others."""
    return False


_FORMS: Mapping[str, _Form] = {
    "select": _select, "insert": _insert, "replace": _insert, "merge": _insert, "update": _update, "delete": _delete,
    "with": _with, "create": _defines, "alter": _defines, "drop": _defines, "truncate": _truncate, "lock": _lock,
    "copy": _copy, "from": _from, "references": _references, "grant": _on, "revoke": _on, "comment": _on,
    "refresh": _defines, "values": _values, "table": _table, "do": _do,
    **dict.fromkeys(("vacuum", "analyze", "reindex", "cluster"), _upkeep),
    **dict.fromkeys(("begin", "set", "use", "pragma", "attach", "detach", "start"), _alone),
    **dict.fromkeys(("explain", "prepare", "declare", "call"), _within),
    **dict.fromkeys(("join", "left", "right", "full", "inner", "cross", "natural", "outer"), _join),
}  # fmt: skip
