"""The fields that the second release of a program adds to its state, and how it notes each change in them."""

from __future__ import annotations

from remit.testing.simulation.programs.grammar import Kept

__all__ = ["NEWS", "PLACES", "SHAPED", "declared_news"]

NEWS = ("news", "more")
"""The names of fields that only the second release knows."""

_ITEM = """class {name}Item(Value):
    text: str
    if release > 1:
        news: str = ""


"""
_PLAIN = """class {name}Plain(Value): ...


"""
_OWN = """class {name}Own(Value):
    text: str = ""
    if release > 1:
        news: list[str] = field(default_factory=list[str])


"""
_DATA = """@dataclasses.dataclass
class {name}Data:
    text: str = ""
    if release > 1:
        news: list[str] = dataclasses.field(default_factory=list)


"""
_NEW_ITEM = '{name}Item(text=entry, **({{"news": entry}} if release > 1 else {{}}))'

PLACES: dict[str, tuple[str, str, str]] = {
    "field": (
        "",
        "    if release > 1:\n        more: list[str] = field(default_factory=list[str])",
        "        if release > 1:\n            self.more.append(entry)",
    ),
    "list": (
        _ITEM,
        "    items: list[{name}Item] = field(default_factory=list[{name}Item])",
        f"        self.items.append({_NEW_ITEM})",
    ),
    "set": (
        _ITEM,
        "    items: set[{name}Item] = field(default_factory=set[{name}Item])",
        f"        self.items.add({_NEW_ITEM})",
    ),
    "dict": (
        _ITEM,
        "    items: dict[str, {name}Item] = field(default_factory=dict[str, {name}Item])",
        f"        self.items[entry] = {_NEW_ITEM}",
    ),
    "own": (
        _OWN,
        "    own: {name}Own = field(default_factory=lambda: {name}Own())",
        """        more = {{"news": [*self.own.news, entry]}} if release > 1 else {{}}
        self.own = {name}Own(text=entry, **more)""",
    ),
    "data": (
        _DATA,
        "    data: {name}Data = field(default_factory=lambda: {name}Data())",
        "        self.data.text = entry\n        if release > 1:\n            self.data.news.append(entry)",
    ),
}
"""By place: the record declared before the aggregate, its field, and how a change is noted there."""

SHAPED: dict[str, tuple[str, str, str]] = {
    "union": (
        _PLAIN + _ITEM,
        "    items: list[{name}Plain | {name}Item] = field(default_factory=list)",
        f"        self.items.append({_NEW_ITEM})\n        self.items.append({{name}}Plain())",
    ),
}
"""The same, where it is one of several shapes."""


def declared_news(kept: Kept) -> tuple[str, str]:
    """The code before an aggregate, and the additional code in it."""
    if not kept.news:
        return "", ""
    before, field, note = (text.format(name=kept.name) for text in {**PLACES, **SHAPED}[kept.news])
    return before, f"{field}\n\n    def keep(self, entry: str) -> None:\n{note}\n"
