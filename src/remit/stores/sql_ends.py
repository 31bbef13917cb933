"""Whether a text of SQL begins or ends a transaction, told from the first word of each of its statements."""

from __future__ import annotations

from remit.errors import SqlError
from remit.stores.sql_tokens import END, Token, tokens_of

_ENDS = frozenset({"begin", "start", "commit", "end", "abort", "rollback", "prepare"})
_NOISE = frozenset({"work", "transaction"})


def ended_by_user(word: str, where: str) -> SqlError:
    """What any store tells of a statement that begins or ends a transaction. `word` is that of `ends_transaction`."""
    error = SqlError(
        f"{word} of the handler begins or ends a transaction", where=where,
        expected="a transaction that ends with the unit of work",
        next="leave it out; raise a refusal to take everything back",
    )  # fmt: skip
    error.forbidden = True
    return error


def ends_transaction(text: str, *, single: bool = False) -> str:
    """The word with which a statement of a text begins or ends a transaction, in upper case; empty if none does.

    With `single`, the text is one statement, whose body may have semicolons. Statements of a savepoint do neither:
    SAVEPOINT, RELEASE, ROLLBACK TO.
    """
    if single or ";" not in text:  # the usual case: only the beginning is read
        tokens = tokens_of(text)
        first = next(tokens, END)
        if first.kind != "word" or first.value not in _ENDS:
            return ""
        return _judged([first, next(tokens, END), next(tokens, END)])
    return next((word for begin in _beginnings(text) if (word := _judged(begin))), "")


def _judged(begin: list[Token]) -> str:
    first, second, third = (*begin, END, END, END)[:3]
    if first.kind != "word" or first.value not in _ENDS:
        return ""
    if first.value == "rollback":
        goes_back = "to" in (second.value, third.value if second.value in _NOISE else "")
        return "" if goes_back else "ROLLBACK"
    if first.value == "prepare" and second.value != "transaction":
        return ""
    return first.value.upper()


def _beginnings(text: str) -> list[list[Token]]:
    """The first three tokens of each statement. A body between BEGIN ATOMIC and END belongs to its statement."""
    found: list[list[Token]] = [[]]
    depth, last = 0, END
    for token in tokens_of(text):
        if token.value == ";" and token.kind == "mark":
            if depth == 0:
                found.append([])
        elif len(found[-1]) < 3:
            found[-1].append(token)
        if token.kind == "word":
            if (last.value, token.value) == ("begin", "atomic") or (depth and token.value == "case"):
                depth += 1
            elif depth and token.value == "end":
                depth -= 1
        last = token
    return found
