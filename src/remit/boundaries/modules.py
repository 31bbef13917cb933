"""The modules of a code base: which module a dotted name is of, and where a name that is passed on comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from remit.boundaries.facts import Facts

_LONGEST_WAY = 20
"""The most re-exports that are followed from one name to its origin."""
_MOST_WAYS = 8
"""How often the same name in the same module is followed further for one name. All modules behind it are known then."""


class Reached(NamedTuple):
    """A module that a dotted name leads to, and what is named in it. Empty: the module itself."""

    module: str
    name: str


Way = tuple[Reached, ...]
"""The modules through which a name is passed on, from the one that is named to the one that makes it."""


class Modules:
    """All modules of a code base, by name. A folder without `__init__.py` and a compiled module have no facts."""

    def __init__(self, facts: Mapping[str, Facts | None]) -> None:
        self.facts = facts
        self._homes: dict[str, str | None] = {}
        self._ways: dict[str, tuple[Way, ...]] = {}
        self._offered: dict[str, frozenset[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.facts

    def module_of(self, name: str) -> str | None:
        """The longest module that begins a dotted name. None if it is none of the code base."""
        if name in self.facts:
            return name
        if name not in self._homes:
            parent = name.rpartition(".")[0]
            self._homes[name] = self.module_of(parent) if parent else None
        return self._homes[name]

    def ways(self, target: str) -> tuple[Way, ...]:
        """The ways from a dotted name to its origins. Several, if a name may come from several modules. The last step
        of a way may be outside of the code base. Empty if the name itself is."""
        if target not in self._ways:
            self._ways[target] = tuple(dict.fromkeys(self._from(target, (), Counter())))
        return self._ways[target]

    def _from(self, target: str, behind: Way, walked: Counter[Reached]) -> Iterator[Way]:
        module = self.module_of(target)
        if module is None:
            if behind:
                yield (*behind, Reached(target, ""))
            return
        name = target[len(module) + 1 :]
        reached = Reached(module, name)
        way = (*behind, reached)
        walked[reached] += 1
        if walked[reached] > _MOST_WAYS:
            if walked[behind[-1]] == 1:  # or what passes it on would be on no way at all
                yield way
            return
        origins = self._origins(module, name) if name and len(way) < _LONGEST_WAY else []
        origins = [each for each in origins if all(Reached(*self._split(each)) != step for step in way)]
        if not origins:
            yield way
        for each in origins:
            yield from self._from(each, way, walked)

    def _split(self, target: str) -> tuple[str, str]:
        module = self.module_of(target)
        return (target, "") if module is None else (module, target[len(module) + 1 :])

    def _origins(self, module: str, name: str) -> list[str]:
        """Where a module has a name from, if it does not make it itself."""
        facts = self.facts[module]
        if facts is None:
            return []
        first, _, rest = name.partition(".")
        rest = f".{rest}" if rest else ""
        if first in facts.names:
            return [f"{each}{rest}" for each in facts.names[first]]
        if first in facts.own or not facts.stars:
            return []
        return [f"{each}.{first}{rest}" for each in facts.stars if first in self.offered(each)]

    def offered(self, module: str) -> frozenset[str]:
        """The names that `from module import *` takes without the module having made them, and those that it makes
        itself as far as they are known: the names in `__all__`, the re-exports, and those of its own stars."""
        if module not in self._offered:
            found: set[str] = set()
            seen = {module}
            waiting = [module]
            for each in waiting:  # grows meanwhile
                facts = self.facts.get(each)
                if facts is not None and facts.public is not None:
                    found.update(facts.public)
                elif facts is not None:
                    found.update(name for name in (*facts.names, *facts.own) if not name.startswith("_"))
                    waiting += (star for star in dict.fromkeys(facts.stars) if star not in seen)
                    seen.update(facts.stars)
            self._offered[module] = frozenset(found)
        return self._offered[module]

    def starred(self, module: str) -> Iterator[str]:
        """The dotted names that a star import of a module takes from further modules."""
        facts = self.facts.get(module)
        if facts is not None:
            for name in sorted(self.offered(module)):
                if name in facts.names or name not in facts.own:
                    yield f"{module}.{name}"
