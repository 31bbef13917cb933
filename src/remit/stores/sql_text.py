"""The tables that a text of SQL names. A small reader: it knows where a table may stand, and no dialect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from remit.stores.sql_forms import RUN_TEXT, begins_statement
from remit.stores.sql_tokens import END, Token, tokens_of

_BEFORE = frozenset({
    "from", "join", "into", "update", "table", "tables", "truncate", "references", "copy", "view", "vacuum", "analyze",
    "lock", "inherits", "cluster", "straight_join",
})  # fmt: skip
"""The words after which a table stands. `using`, `on` and `like` stand before one in some statements only."""
_IN_LISTS = frozenset({"from", "update", "table", "tables", "truncate", "using", "lock", "vacuum", "analyze", "view"})
_HAS_COLUMNS = frozenset({"into", "table", "references", "copy", "on", "analyze", "vacuum", "view"})
"""Where a parenthesis after a name holds columns. After others, the name is that of a function."""
_PASSED = frozenset({
    "only", "lateral", "if", "not", "exists", "concurrently", "ignore", "low_priority", "temp", "temporary", "unlogged",
    "verbose", "full", "table", "tables", "or", "replace", "rollback", "abort", "fail", "analyze",
})  # fmt: skip
"""Words that may stand between those and the table."""
_NO_TABLE = frozenset({
    "select", "with", "values", "set", "where", "on", "as", "add", "drop", "alter", "rename", "delete", "update",
    "commit", "conflict", "duplicate", "column", "from", "cascade",
})  # fmt: skip
_ENDS_LIST = frozenset({
    "where", "group", "order", "having", "limit", "offset", "window", "union", "intersect", "except", "returning",
    "set", "values", "select", "when",
})  # fmt: skip
_VERBS = frozenset({
    "select", "insert", "update", "delete", "merge", "create", "alter", "drop", "grant", "revoke", "comment", "do",
})  # fmt: skip
_EVENTS = frozenset({"insert", "update", "delete", "truncate", "select"})
_BEFORE_EVENTS = frozenset({"before", "after", "of", "or", "on"})
"""The words before an event of a trigger or a rule."""
_DEFINES = frozenset({"create", "alter", "drop", "grant", "revoke", "comment"})


_NAMES_TABLE = frozenset({
    "table_to_xml", "table_to_xmlschema", "table_to_xml_and_xmlschema", "nextval", "currval", "setval",
})  # fmt: skip
"""Functions that read the table, or take from the sequence, that a text names."""
_NAMES_SCHEMA = frozenset({"schema_to_xml", "schema_to_xmlschema", "schema_to_xml_and_xmlschema"})
"""Functions that read all tables of the schema that a text names."""
_DEEPEST = 20
"""How many texts in texts are read. Each is quoted once more."""


@dataclass(slots=True)
class _Level:
    """A parenthesis, or the statement."""

    expects: str = ""
    """The word after which a table is expected now."""
    lists: str = ""
    """The word after which each comma begins a further table."""
    verb: str = ""
    own: set[str] = field(default_factory=lambda: set[str]())
    """The names of common table expressions that are defined so far."""
    names_common: bool = False
    is_recursive: bool = False
    common: str = ""
    """The common table expression that is being defined."""
    is_inner: bool = True


def tables_in(text: str) -> list[tuple[str, ...]]:
    """The tables that a statement names, each as its parts in lower case: `("sales", "orders")`, or `("orders",)`.

    Names of common table expressions are no tables.
    """
    return [*_Reader(text).read()]


def unseen_in(text: str) -> list[str]:
    """The functions in a statement that run a text as a further statement, where this text is not written there."""
    reader = _Reader(text)
    reader.read()
    return [*reader.unseen]


def leaves_schema(text: str) -> bool:
    """Whether a statement changes in which schema names are looked up, or may do so."""
    before = END, END
    for token in tokens_of(text):
        last = before[1]
        if token.value == "search_path" and token.kind != "text" and last.value in _SETS:
            return True
        if token.value == "schema" and last.value in _SETS:
            return True
        if before[0].value == "set_config" and last.value == "(" and not _is_harmless(token):
            return True
        if token.kind == "body" and leaves_schema(token.value):
            return True
        before = last, token
    return False


def _arguments(tokens: Sequence[Token], at: int) -> list[list[Token]]:
    """The arguments of a call, from its parenthesis on."""
    depth = 0
    found: list[list[Token]] = [[]]
    for token in tokens[at:]:
        if token.kind == "mark":
            depth += {"(": 1, ")": -1}.get(token.value, 0)
            if depth == 0:
                break
            if token.value == "," and depth == 1:
                found.append([])
                continue
        if depth > 1 or token.value != "(":
            found[-1].append(token)
    return found


_SETS = frozenset({"set", "local", "session", "reset"})


def _is_harmless(token: Token) -> bool:
    return token.kind == "text" and token.value.lower() not in ("search_path", "role") and "\\" not in token.value


class _Reader:
    def __init__(self, text: str, depth: int = 0) -> None:
        self.depth = depth
        self.unseen: dict[str, None] = {}
        """The functions that run a text that is not written there."""
        self.tokens = [*tokens_of(text), END]
        self.levels = [_Level(is_inner=False)]
        self.common: Counter[str] = Counter()
        """How many open parentheses define each common table expression."""
        self.found: dict[tuple[str, ...], None] = {}
        self.at = 0

    def read(self) -> dict[tuple[str, ...], None]:
        while self.at < len(self.tokens) - 1:
            token = self.tokens[self.at]
            level = self.levels[-1]
            self.at += 1
            if token.kind == "body":
                if level.verb in ("do", "create"):
                    self._read_inner(token.value, level.verb)
            elif token.kind == "mark":
                self._mark(token.value, level)
            elif token.kind in ("word", "name"):
                self._name(token, level)
        return self.found

    def _read_inner(self, text: str, named: str) -> None:
        """A text that is run as a statement."""
        if self.depth >= _DEEPEST:
            self.unseen[named] = None
            return
        inner = _Reader(text, self.depth + 1)
        self.found |= inner.read()
        self.unseen |= inner.unseen

    def _run(self, function: str) -> None:
        """A function that runs a text: `query_to_xml('select ...', true)`. The texts among its arguments are read."""
        arguments = _arguments(self.tokens, self.at)
        seen = False
        for each in arguments:
            text = each[0].value if each and each[0].kind in ("text", "body") else ""
            text = text.replace("''", "'") if each and each[0].kind == "text" else text
            if function in _NAMES_SCHEMA and text:
                self.found[text.lower(), "*"], seen = None, True
            if function in _NAMES_TABLE:
                text = text and f"table {text}"
            if begins_statement(text):
                self._read_inner(text, function)
                seen |= not any(token.value in ("|", "+") for token in each)
            if function in _NAMES_TABLE | _NAMES_SCHEMA:
                break
        if not seen:
            self.unseen[function] = None

    def _execute(self) -> None:
        """`EXECUTE 'text'` of a function body. A prepared statement and the function of a trigger are not meant."""
        token, after = self.tokens[self.at], self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if token.kind in ("text", "body"):
            self._read_inner(token.value.replace("''", "'"), "execute")
        if after.value == "|" or (token.value, after.value) == ("format", "("):
            self.unseen["execute"] = None

    def _mark(self, mark: str, level: _Level) -> None:
        if mark == "(":
            expects = level.expects if level.expects != "common" else ""
            level.expects = ""
            if level.common and level.is_recursive:
                self._define(level)
            self.levels.append(_Level(expects, expects))
        elif mark == ")" and len(self.levels) > 1:
            self.common.subtract(self.levels.pop().own)
            outer = self.levels[-1]
            if outer.common and outer.names_common:
                self._define(outer)
        elif mark == ",":
            level.expects = "common" if level.names_common else level.lists
        elif mark == ";":
            self.common.clear()
            self.levels = [_Level(is_inner=False)]
        else:
            level.expects = ""

    def _define(self, level: _Level) -> None:
        if level.common not in level.own:
            level.own.add(level.common)
            self.common[level.common] += 1

    def _name(self, token: Token, level: _Level) -> None:
        if token.value in RUN_TEXT and self.tokens[self.at].value == "(":
            self._run(token.value)
        if token.value == "execute" and self.depth:
            self._execute()
        if level.expects == "common" and token.value not in ("recursive", "select"):
            level.common, level.expects = token.value, ""
            return
        if level.expects and level.expects != "common":
            is_word = token.kind == "word" and self.tokens[self.at].value != "."
            if is_word and token.value in _PASSED:
                return
            if not (is_word and token.value in _NO_TABLE):
                self._table(token, level)
                return
        level.expects = ""
        if token.kind == "word":
            self._word(token.value, level)

    def _table(self, token: Token, level: _Level) -> None:
        before, level.expects = level.expects, ""
        parts = [token.value]
        while self.tokens[self.at].value == "." and self.tokens[self.at + 1].kind in ("word", "name"):
            parts.append(self.tokens[self.at + 1].value)
            self.at += 2
        if self.tokens[self.at].value == "(" and before not in _HAS_COLUMNS:  # a function
            return
        if len(parts) > 1 or not self.common[parts[0]]:
            self.found[tuple(parts)] = None

    def _word(self, word: str, level: _Level) -> None:
        if (word == "with" and self._begins_common()) or (word == "recursive" and level.names_common):
            level.names_common, level.expects = True, "common"
            level.is_recursive = word == "recursive"
            return
        last = self.tokens[self.at - 2].value if self.at > 1 else ""
        if (
            word in _EVENTS and level.verb == "create" and last in _BEFORE_EVENTS
        ):  # `CREATE TRIGGER t AFTER INSERT ON x`
            return
        if (
            word in _VERBS
            and level.verb not in ("grant", "revoke")
            and not (word in ("update", "delete", "do") and last in ("for", "key", "on", "do"))
        ):
            level.verb, level.names_common, level.common = word, False, ""
        if word in _ENDS_LIST:
            level.lists = ""
        if self._stands_before(word, last, level):
            level.expects = word
            level.lists = word if word in _IN_LISTS else level.lists

    def _begins_common(self) -> bool:
        """Whether a common table expression follows: `x AS (`, `x (a, b) AS MATERIALIZED (`. There are other things
        that begin with `WITH`: `WITH ORDINALITY AS u`, `WITH TIME ZONE`, `WITH TIES`."""
        rest = self.tokens[self.at + (self.tokens[self.at].value == "recursive") :]
        if rest[0].kind not in ("word", "name"):
            return False
        rest, depth = rest[1:], 0
        for number, token in enumerate(rest):
            depth += {"(": 1, ")": -1}.get(token.value, 0) if token.kind == "mark" else 0
            if not depth:
                rest = rest[number + (token.value == ")") :]
                break
        words = [token.value for token in rest[:4] if token.value not in ("not", "materialized")]
        return words[:2] == ["as", "("]

    def _stands_before(self, word: str, last: str, level: _Level) -> bool:
        """Whether a table stands after a word."""
        if word == "from" and level.verb == "revoke":  # a role
            return False
        if word in ("of", "to"):  # `PARTITION OF x`, and `CREATE RULE r AS ON INSERT TO x`
            return last == "partition" if word == "of" else level.verb == "create" and last in _EVENTS
        if word == "apply":
            return last in ("cross", "outer")
        if word == "from":
            before = self.tokens[self.at - 3].value if self.at > 2 else ""
            is_part = level.is_inner and not level.verb and not level.lists  # `extract(year FROM x)`
            return not is_part and not (last == "distinct" and before in ("is", "not"))
        if word == "update":
            return last not in ("for", "key", "on", "do")
        if word == "using":
            return level.verb in ("delete", "merge")
        if word == "on":
            return level.verb in _DEFINES
        if word == "like":
            return level.is_inner and self.levels[0].verb == "create" and not level.verb
        return word in _BEFORE
