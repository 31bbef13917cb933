"""The names of a code map as names of CML: letters, digits and _, and one name for one thing.

Contexts, what is outside, and teams are all bounded contexts in CML. What needs another name gets an ending.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, count
from typing import Any

from remit.boundaries import CodeMap


def ident(name: str) -> str:
    """A name of `remit` as a name of CML: letters, digits and _."""
    made = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"_{made}" if not made or made[0].isdigit() else made


class Spelling:
    """How the contexts, the outside and the owners of one map are called in CML."""

    def __init__(self, code: CodeMap, rest: Mapping[str, Any] | None = None) -> None:
        """`rest` is the table `cml` of the map: the teams in it keep their names."""
        described: Mapping[str, Any] = (rest or {}).get("contexts", {})
        teams = [name for name, table in described.items() if table.get("type") == "TEAM"]
        parties = [*code.names, *(each.name for each in code.foreign)]
        owners = list(dict.fromkeys(owner for context in code.contexts for owner in context.owner))
        self._taken = {*teams}
        self._parties = {name: self._take(name) for name in _fit_first(parties)}
        self._owners = {name: name for name in teams} | {
            name: self._take(name, "_team") for name in _fit_first(owners) if name not in teams
        }

    def party(self, name: str) -> str:
        """The name of a context, or of what is outside."""
        return self._parties.get(name) or ident(name)

    def owner(self, name: str) -> str:
        """The name of the team that owns a context."""
        return self._owners.get(name) or ident(name)

    def notes(self) -> Iterator[str]:
        """What to say of each name that is spelled otherwise."""
        for name, made in [*self._parties.items(), *self._owners.items()]:
            if made != ident(name):
                yield f"the name {name}: CML has one name for one context, system or team; {made} was written"
            elif made != name:
                yield renamed(name)

    def _take(self, name: str, ending: str = "") -> str:
        wished = [ident(name), ident(name) + ending] if ending else [ident(name)]
        numbered = (f"{wished[-1]}_{number}" for number in count(2))
        made = next(each for each in chain(wished, numbered) if each not in self._taken)
        self._taken.add(made)
        return made


def renamed(name: str) -> str:
    """What to say of a name that CML cannot have."""
    return f"the name {name}: CML has letters, digits and _ only; {ident(name)} was written"


def _fit_first(names: list[str]) -> list[str]:
    """Names that stay as they are come first, so that no other one takes them."""
    return sorted(dict.fromkeys(names), key=lambda name: ident(name) != name)
