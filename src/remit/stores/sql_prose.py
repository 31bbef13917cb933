"""Whether what begins like a statement of SQL is a sentence of English: `Select an item from orders.`

A statement whose first word is in capitals is none. Any other one has to go on as SQL does: what follows a table is a
keyword of SQL, an alias or a mark, what is selected is no phrase, and it does not end with a full stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from remit.stores.sql_tokens import END, Token

_ARTICLES = frozenset({
    "a", "an", "the", "this", "that", "these", "those", "some", "one", "your", "our", "their", "of", "which", "every",
    "each", "another", "no", "any", "old", "all",
})  # fmt: skip
_NO_ALIAS = frozenset({
    "and", "or", "to", "if", "of", "that", "which", "by", "in", "is", "are", "was", "were", "with", "from", "first",
    "failed", "fails", "please", "instead", "again", "only", "when", "before", "after", "but", "then", "so", "at",
})  # fmt: skip
_AFTER_TABLE = frozenset({
    "where", "join", "left", "right", "inner", "full", "cross", "natural", "outer", "on", "using", "group", "order",
    "having", "limit", "offset", "fetch", "for", "union", "except", "intersect", "window", "tablesample", "as", "set",
    "values", "returning", "straight_join", "use", "force", "ignore", "partition", "lateral", "into", "when", "select",
    "default", "with", "table", "overriding", "connect", "start", "minus", "pivot", "final", "lock", "from", "begin",
    "end",
})  # fmt: skip
_OF_EXPRESSIONS = frozenset({
    "distinct", "all", "case", "when", "then", "else", "end", "as", "and", "or", "not", "is", "null", "in", "between",
    "like", "ilike", "over", "filter", "interval", "at", "time", "zone", "top", "div", "mod", "collate", "true",
    "false", "escape", "on", "only", "by", "partition", "order", "asc", "desc", "rows", "range", "preceding",
    "following", "current", "row", "unbounded", "exists", "any", "some", "similar", "straight_join", "sql_no_cache",
    "for", "from", "where",
})  # fmt: skip
_PRIVILEGES = frozenset({
    "select", "insert", "update", "delete", "truncate", "references", "trigger", "usage", "all", "execute", "create",
    "connect", "temporary", "temp", "maintain", "grant",
})  # fmt: skip
_ALTERS = frozenset({
    "add", "drop", "alter", "rename", "set", "owner", "enable", "disable", "modify", "change", "engine", "attach",
    "detach", "inherit", "no", "cluster", "validate", "reset", "force", "convert", "auto_increment", "replica", "to",
    "refresh", "depends", "truncate", "exchange",
})  # fmt: skip
_EXPLAINS = frozenset(
    {"analyze", "analyse", "verbose", "query", "plan", "extended", "format", "for", "partitions", "json"}
)


def is_prose(tokens: Sequence[Token]) -> bool:
    """Whether the tokens of a statement are a sentence rather than SQL."""
    first = tokens[0].given
    if first.isupper():
        return False
    if tokens[-1].value in (".", "!", ":") or any(map(_is_phrase, pairwise(tokens))):
        return True
    if first.istitle() and not any(token.value in ("*", "=", "<", ">") for token in tokens):
        return True
    goes_on = _GOES_ON.get(tokens[0].value)
    return goes_on is not None and not goes_on(tokens)


def _is_phrase(pair: tuple[Token, Token]) -> bool:
    """Whether an article stands where a table does: `update the orders`."""
    before, token = pair
    return token.value in _ARTICLES - {"only", "all", "a"} and before.value in (
        "from",
        "join",
        "into",
        "update",
        "table",
    )


def _value(tokens: Sequence[Token], number: int) -> str:
    return (tokens[number] if number < len(tokens) else END).value


def _after_table(tokens: Sequence[Token], at: int, follows: frozenset[str] = _AFTER_TABLE) -> bool:
    """Whether SQL goes on behind the table that stands at a place: with the end, a mark, a keyword, or an alias."""
    while _value(tokens, at) in ("only", "if", "not", "exists", "lateral"):
        at += 1
    at += 1
    while _value(tokens, at) == ".":
        at += 2
    if _value(tokens, at) == "as":
        at += 1
    if at < len(tokens) and tokens[at].kind in ("word", "name") and tokens[at].value not in follows:
        if tokens[at].value in _NO_ALIAS:
            return False
        at += 1
    after = tokens[at] if at < len(tokens) else END
    return after.value in follows if after.kind == "word" else after.value not in ("!", ":")


def _places(tokens: Sequence[Token], *words: str) -> Iterator[int]:
    return (number for number, token in enumerate(tokens) if token.value in words and token.kind == "word")


def _selects(tokens: Sequence[Token]) -> bool:
    end = next(_places(tokens, "from", "into"), len(tokens))
    run = 0
    for number, token in enumerate(tokens[1:end], 1):
        is_word = token.kind == "word" and token.value not in _OF_EXPRESSIONS
        run = run + 1 if is_word else 0
        after = tokens[number + 1] if number + 1 < end else END
        follows = after.kind == "word" and after.value not in _OF_EXPRESSIONS
        is_article = token.value in _ARTICLES and token.value not in _OF_EXPRESSIONS
        if run > 2 or (is_word and is_article and follows):
            return False
    return _tables_go_on(tokens)


def _tables_go_on(tokens: Sequence[Token]) -> bool:
    """Whether SQL goes on behind each table that follows `from` or `join`. A parenthesis is not looked into."""
    return all(
        _after_table(tokens, at + 1)
        for at in _places(tokens, "from", "join")
        if _value(tokens, at + 1) != "(" and _value(tokens, at - 1) != "distinct" and _depth(tokens, at) == 0
    )


def _depth(tokens: Sequence[Token], at: int) -> int:
    marks = [token.value for token in tokens[:at] if token.kind == "mark"]
    return marks.count("(") - marks.count(")")


def _inserts(tokens: Sequence[Token]) -> bool:
    into = next(_places(tokens[:5], "into"), None)
    if into is None:
        return False
    at = into + 2
    while _value(tokens, at) == ".":
        at += 2
    follows = _AFTER_TABLE | {"as", "using", "execute", "exec"}
    if tokens[0].value == "merge":
        return _after_table(tokens, into + 1, follows)
    after = tokens[at] if at < len(tokens) else END
    return after.value in follows if after.kind in ("word", "name") else after.value not in ("!", ":")


def _updates(tokens: Sequence[Token]) -> bool:
    at = 1
    while _value(tokens, at) in ("or", "ignore", "rollback", "abort", "replace", "fail", "low_priority", "only"):
        at += 1
    return _after_table(tokens, at)


def _deletes(tokens: Sequence[Token]) -> bool:
    at = next(_places(tokens, "from"), len(tokens))
    words = [token.value for token in tokens[1:at] if token.value not in ("low_priority", "quick", "ignore")]
    named = [word for word in words if word not in (".", "*")]
    return (len(named) < 2 or "," in words or "." in words) and _tables_go_on(tokens)


def _defines(tokens: Sequence[Token]) -> bool:
    kind = next((number for number, token in enumerate(tokens[:6]) if token.value in _KINDS), None)
    if kind is None:
        return True
    name, verb = tokens[kind].value, tokens[0].value
    values = {token.value for token in tokens[kind + 1 :]}
    if verb == "alter":
        return _after_table(tokens, kind + 1, _ALTERS) and bool(values & _ALTERS)
    if verb == "drop":
        return _value(tokens, kind + 1) not in (_NO_ALIAS | {"for", "on"}) - {"if"} and _ends(tokens, kind + 1)
    if verb == "refresh":
        return True
    return _CREATES[name] <= values and (name != "table" or _creates_table(tokens, kind + 1))


_KINDS = frozenset({"table", "view", "index", "trigger", "function", "procedure", "rule"})
_CREATES: Mapping[str, frozenset[str]] = {
    "table": frozenset(), "view": frozenset({"as"}), "index": frozenset({"on", "("}), "trigger": frozenset({"on"}),
    "function": frozenset({"("}), "procedure": frozenset({"("}), "rule": frozenset({"as", "on"}),
}  # fmt: skip


def _ends(tokens: Sequence[Token], at: int) -> bool:
    """Whether nothing follows a name but other names, and how to drop what depends on it."""
    while _value(tokens, at) in ("if", "exists", "concurrently"):
        at += 1
    return all(
        token.value in (".", ",", "?", "cascade", "restrict", "on")
        or token.kind == "name"
        or before.value in (".", ",", "on")
        for before, token in pairwise(tokens[at:])
    )


def _creates_table(tokens: Sequence[Token], at: int) -> bool:
    while _value(tokens, at) in ("if", "not", "exists"):
        at += 1
    at += 1
    while _value(tokens, at) == ".":
        at += 2
    after = tokens[at] if at < len(tokens) else END
    return after.kind != "word" or after.value in (
        "as",
        "like",
        "of",
        "partition",
        "using",
        "inherits",
        "select",
        "clone",
    )


def _grants(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) in _PRIVILEGES


def _locks(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 2) not in (":", "on", "for")


def _copies(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) not in ("from", "to", "the", "and")


def _filters(tokens: Sequence[Token]) -> bool:
    """`from orders where paid is null`, and not `from orders where the price is high`."""
    follows = {"is": {"null", "not", "true", "false", "distinct", "unknown"}, "in": {"(", "?", "%", ":", "$", "any"}}
    marks = any(token.value in ("=", "<", ">", "like", "between", "exists") for token in tokens)
    known = (_value(tokens, at + 1) in follows[tokens[at].value] for at in _places(tokens, "is", "in"))
    return _tables_go_on(tokens) and (marks or any(known))


def _explains(tokens: Sequence[Token]) -> bool:
    return _value(tokens, 1) in {
        "(",
        *_EXPLAINS,
        "select",
        "insert",
        "update",
        "delete",
        "with",
        "values",
        "merge",
        "table",
    }


def _calls(tokens: Sequence[Token]) -> bool:
    return any(_value(tokens, at) == "(" for at in (2, 4, 6))


_GOES_ON: Mapping[str, Callable[[Sequence[Token]], bool]] = {
    "select": _selects, "insert": _inserts, "replace": _inserts, "merge": _inserts, "update": _updates,
    "delete": _deletes, "create": _defines, "alter": _defines, "drop": _defines, "refresh": _defines,
    "grant": _grants, "revoke": _grants, "lock": _locks, "copy": _copies, "from": _filters, "explain": _explains,
    "call": _calls, **dict.fromkeys(("join", "left", "right", "full", "inner", "cross", "natural"), _tables_go_on),
}  # fmt: skip
