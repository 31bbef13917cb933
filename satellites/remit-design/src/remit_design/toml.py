"""Writes TOML. The standard library only reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_WIDTH = 120


def to_toml(document: Mapping[str, Any]) -> str:
    """The document as TOML: texts, booleans, lists and tables."""
    return "\n".join(_table(document, ())).strip("\n") + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    deeper: dict[str, Any] = {key: value for key, value in table.items() if _is_table(value) or _is_tables(value)}
    for key, value in table.items():
        if key not in deeper:
            yield f"{_key(key)} = {_value(value)}"
    for key, value in deeper.items():
        inner = (*path, key)
        dotted = ".".join(map(_key, inner))
        if _is_table(value):
            if not value or not all(map(_is_table, value.values())):  # else the tables inside say it
                yield from ("", f"[{dotted}]")
            yield from _table(value, inner)
            continue
        for each in value:
            yield from ("", f"[[{dotted}]]")
            yield from _table(each, inner)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and value != [] and _is_table(value[0])


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        values: list[Any] = value
        items = [_value(each) for each in values]
        line = f"[{', '.join(items)}]"
        return line if len(line) <= _WIDTH else "[\n" + "".join(f"    {item},\n" for item in items) + "]"
    return _text(value)
