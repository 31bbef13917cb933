"""A code base as the rules see it: its modules, the contexts that own them, and where contexts touch one another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from remit.boundaries.codemap import CodeContext, CodeMap
from remit.boundaries.facts import Facts, Use
from remit.boundaries.modules import Modules, Reached, Way
from remit.boundaries.spellings import ENTRY_POINTS
from remit.boundaries.ties import Ties
from remit.contexts import SharedKernel
from remit.errors import ModelError

if TYPE_CHECKING:  # loaded when a chain is asked for
    import grimp

_MODEL = ("domain", "model")
_IMPORTS = frozenset({"from", "relative"})
"""The spellings that import a name."""


class Contact(NamedTuple):
    """A module of a context depends on something of another context."""

    importer: str
    owner: str
    """The context of the importer."""
    context: str
    """The other context."""
    steps: Way
    """The modules of the other context through which the name is passed on, from the one that is named."""
    use: Use
    via: tuple[str, ...] = ()
    """The modules of no context through which the importer reaches it."""

    is_identity: bool = False
    """Whether it is the type of an identity, by which contexts refer to each other's things."""

    is_indirect: bool = False
    """Whether only modules of no context lead there: the last one imports it, and the importer names none of it."""

    @property
    def key(self) -> tuple[bool, tuple[str, ...], str]:
        """By what contacts of one importer differ: whether it is of an identity, the modules, and what is named in the
        first of them. A star import names the module."""
        name = "" if self.use.how == "star" else self.steps[0].name.partition(".")[0]
        return self.is_identity, tuple(step.module for step in self.steps), name

    @property
    def touched(self) -> str:
        """What it depends on, by its dotted name."""
        module, name = self.steps[0]
        return f"{module}.{name}" if name else module


class Code:
    """A code base with its map. Everything about it is derived when it is first asked for."""

    def __init__(self, code: CodeMap, modules: Mapping[str, Facts | None], entry_points: Mapping[str, Sequence[str]]):
        self.map = code
        self.modules = Modules(modules)
        self.ties = Ties(code)
        self._entry_points = entry_points
        self._packages = {package: each for each in code.contexts for package in each.packages}
        self._owners: dict[str, CodeContext | None] = {}
        self._published = {each.name: tuple(self._published_of(each)) for each in code.contexts}
        self._pure = {each.name: tuple(self._pure_of(each)) for each in code.contexts}
        self._named = {context.name: context for context in code.contexts}

    def _published_of(self, context: CodeContext) -> Iterable[str]:
        if context.published is not None:
            return context.published
        usual = [f"{package}.api" for package in context.packages]
        return [api if api in self.modules else api.removesuffix(".api") for api in usual]

    def _pure_of(self, context: CodeContext) -> Iterable[str]:
        if context.pure is not None:
            return context.pure
        return [f"{package}.{name}" for package in context.packages for name in _MODEL]

    @cached_property
    def kernels(self) -> Mapping[str, frozenset[str]]:
        """The packages of shared kernels, with the contexts that share each."""
        shared: dict[str, frozenset[str]] = {}
        for each in self.map.relations:
            if isinstance(each, SharedKernel) and each.package:
                shared[each.package] = shared.get(each.package, frozenset()) | {*each.names}
        return shared

    def kernel_of(self, module: str) -> str | None:
        """The package of a shared kernel that a module belongs to."""
        return next((kernel for kernel in self.kernels if is_within(module, (kernel,))), None)

    def owner_of(self, module: str) -> str | None:
        """The context that a module belongs to: that of the deepest package. A shared kernel belongs to none."""
        if module not in self._owners:
            name = module
            found: CodeContext | None = None
            while name and found is None and name not in self.kernels:
                found = self._packages.get(name)
                name = name.rpartition(".")[0]
            self._owners[module] = found
        owner = self._owners[module]
        return owner.name if owner is not None else None

    def published_by(self, context: str) -> tuple[str, ...]:
        """The modules that a context publishes."""
        return self._published[context]

    def is_published(self, module: str, context: str) -> bool:
        """Whether a module belongs to the published language of a context. Where a package itself is published, its
        modules are not."""
        packages = self._named[context].packages
        return any(
            module == each if each in packages else is_within(module, (each,)) for each in self._published[context]
        )

    def is_pure(self, module: str) -> bool:
        """Whether a module belongs to the model of its context."""
        owner = self.owner_of(module)
        return owner is not None and is_within(module, self._pure[owner])

    def place(self, module: str, line: int) -> str:
        """A line of a module, as `file:line`."""
        facts = self.modules.facts.get(module)
        return f"{facts.path}:{line}" if facts else module

    @property
    def read(self) -> Iterator[Facts]:
        """What each file says."""
        return (facts for facts in self.modules.facts.values() if facts is not None)

    def uses(self, facts: Facts) -> Iterator[tuple[Use, Way]]:
        """The dependencies of a file, each with its ways to where the names come from. Those for type checkers only as
        far as the map wants them."""
        for use in facts.uses:
            if use.typing and not self.map.type_checking:
                continue
            targets: Iterable[str] = (use.target,)
            if use.how == "star":
                targets = (use.target, *self.modules.starred(use.target))
            elif use.target.startswith(ENTRY_POINTS):
                targets = self._entry_points.get(use.target.removeprefix(f"{ENTRY_POINTS}:"), ())
            for target in targets:
                for way in self.modules.ways(target):
                    yield use, way

    def outside_uses(self, facts: Facts) -> Iterator[tuple[Use, str]]:
        """What a file uses from outside of the code base, also if a module of the code base passes it on."""
        for use in facts.uses:
            if use.typing and not self.map.type_checking:
                continue
            ways = self.modules.ways(use.target)
            if not ways:
                yield use, use.target
            for way in ways:
                if way[-1].module not in self.modules:
                    yield use._replace(how="re-export"), way[-1].module

    @cached_property
    def outside(self) -> Mapping[str, Sequence[tuple[str, Use, str]]]:
        """The importer, use and name of everything from outside of the code base, by its top-level package."""
        found: dict[str, list[tuple[str, Use, str]]] = {}
        for facts in self.read:
            for use, target in self.outside_uses(facts):
                found.setdefault(target.partition(".")[0], []).append((facts.module, use, target))
        return found

    @cached_property
    def imports(self) -> Mapping[str, Mapping[str, Use]]:
        """All dependencies between modules: importer, imported, and how. Also those on where a re-exported name is
        from."""
        found: dict[str, dict[str, Use]] = {}
        for facts in self.read:
            imported = found.setdefault(facts.module, {})
            for use, way in self.uses(facts):
                for number, (module, _) in enumerate(way):
                    if module in self.modules and module != facts.module:
                        how = use if number == 0 else use._replace(how="re-export")
                        known = imported.get(module)
                        if known is None or (known.typing and not use.typing):
                            imported[module] = how
        return found

    @cached_property
    def contacts(self) -> Sequence[Contact]:
        """Where contexts touch one another: directly, by a name that another module passes on, and through modules
        that belong to no context."""
        found: list[Contact] = []
        indirect: list[Contact] = []
        for facts in self.read:
            owner = self.owner_of(facts.module)
            if owner is None:
                continue
            own: dict[tuple[bool, tuple[str, ...], str], Contact] = {}
            for use, way in self.uses(facts):
                for contact in self._touched(facts.module, owner, use, way):
                    known = own.get(key := contact.key)
                    if known is None or (known.use.typing and not use.typing):
                        own[key] = contact
            direct = {step.module for contact in own.values() for step in contact.steps}
            found += (each for each in own.values() if not _is_covered(each, own.get((*each.key[:2], ""))))
            indirect += (each for each in self._indirect(facts.module, owner) if each.steps[0].module not in direct)
        return found + _by_shortest_ways(indirect)

    def _touched(self, importer: str, owner: str, use: Use, way: Way) -> Iterator[Contact]:
        behind: list[str] = []
        for context, group in groupby(way, key=lambda step: self.owner_of(step.module)):
            steps = tuple(group)
            if context is not None and context != owner:
                how = use._replace(how="re-export") if behind else use
                yield Contact(importer, owner, context, steps, how, tuple(behind), self._is_identity(steps[-1]))
            behind += [step.module for step in steps]

    def _is_identity(self, step: Reached) -> bool:
        facts = self.modules.facts.get(step.module)
        return facts is not None and step.name in facts.identities

    def _indirect(self, importer: str, owner: str) -> Iterator[Contact]:
        seen: set[str] = set()
        for imported, use in self.imports.get(importer, {}).items():
            if is_within(importer, (imported,)):  # its own package, which every import of the module runs anyway
                continue
            if self.owner_of(imported) is None and self.kernel_of(imported) is None:
                for module, via in self._behind(imported).items():
                    context = self.owner_of(module)
                    if context is not None and context != owner and module not in seen:
                        seen.add(module)
                        yield Contact(importer, owner, context, (Reached(module, ""),), use, via, is_indirect=True)

    def _behind(self, module: str) -> Mapping[str, tuple[str, ...]]:
        """The modules of contexts that a module of no context reaches through such modules only, each with the modules
        on the way to it."""
        if module in self._reached:
            return self._reached[module]
        found: dict[str, tuple[str, ...]] = {}
        waiting: list[tuple[str, ...]] = [(module,)]
        seen = {module}
        for way in waiting:  # grows meanwhile
            for each in self.imports.get(way[-1], {}):
                if self.owner_of(each) is not None:
                    found.setdefault(each, way)
                elif each not in seen and self.kernel_of(each) is None:
                    seen.add(each)
                    waiting.append((*way, each))
        self._reached[module] = found
        return found

    @cached_property
    def _reached(self) -> dict[str, Mapping[str, tuple[str, ...]]]:
        return {}

    @cached_property
    def graph(self) -> grimp.ImportGraph:
        """All dependencies between modules of the code base, to ask for chains and cycles. Raises `ModelError` if grimp
        is not installed."""
        try:
            import grimp
        except ImportError:
            raise ModelError(
                "chains between contexts that go separate ways are found by grimp, which is not installed",
                where=self.map.where or self.map.name, expected="remit with its cli extra",
                next="pip install 'remit[cli]'",
            ) from None  # fmt: skip

        graph = grimp.ImportGraph()
        for module in self.modules.facts:
            graph.add_module(module)
        for importer, imported in self.imports.items():
            for module, use in imported.items():
                graph.add_import(importer=importer, imported=module, line_number=use.line, line_contents=use.how)
        return graph


def _is_covered(contact: Contact, whole: Contact | None) -> bool:
    """Whether a contact only uses what an import of the whole module by the same file brings."""
    return (
        whole is not None
        and whole is not contact
        and contact.use.how not in _IMPORTS
        and (contact.use.typing or not whole.use.typing)
    )


def _by_shortest_ways(contacts: Sequence[Contact]) -> list[Contact]:
    """The same contacts. Those of a context that one import of a module of no context causes show one way, whichever
    module of the context is on it."""
    ways: dict[tuple[str, str, str], tuple[str, ...]] = {}
    keys = [(each.owner, each.via[-1], each.touched) for each in contacts]
    for key, each in zip(keys, contacts, strict=True):
        ways[key] = min(ways.get(key, each.via), each.via, key=lambda way: (len(way), way))
    return [each._replace(via=ways[key]) for key, each in zip(keys, contacts, strict=True)]


def is_within(module: str, packages: Iterable[str]) -> bool:
    """Whether a module is one of these, or inside of one."""
    return any(module == each or module.startswith(f"{each}.") for each in packages)
