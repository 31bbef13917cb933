"""The code map: which modules, tables and outside packages belong to which context, and how the contexts relate.

It describes any Python code base, also one that knows nothing of `remit`. Contexts are known by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from remit.contexts import AntiCorruptionLayer, Foreign, Relation, SharedKernel

Kind: TypeAlias = Literal["", "core", "supporting", "generic"]
"""The type of a subdomain. Empty: it is not said."""
KINDS: Mapping[str, Kind] = {"core": "core", "supporting": "supporting", "generic": "generic"}
"""Its words."""


@dataclass(frozen=True, kw_only=True)
class CodeContext:
    """A bounded context of a code base.

    `packages` are its packages and modules, by dotted name. `published` are the modules that others may import. None:
    `api` in each of its packages, or the package itself (what its `__init__.py` offers) where there is no `api`.
    `pure` are the modules of its model, which do no I/O. None: `domain` and `model` in each of its packages, where they
    exist. `tables` are its tables in a database, and `schema` is the schema that holds them. With `schema_is_usual` it
    is the one that `remit` makes, which nobody has stated: tables of one name in two such contexts count as one.
    `owner` names its team; several teams are a finding. `language` is the path of its language document.
    """

    name: str
    packages: tuple[str, ...] = ()
    published: tuple[str, ...] | None = None
    pure: tuple[str, ...] | None = None
    tables: tuple[str, ...] = ()
    schema: str = ""
    schema_is_usual: bool = False
    owner: tuple[str, ...] = ()
    kind: Kind = ""
    language: str = ""
    where: str = ""
    """The place that declares it, as `file:line`. Empty: it is not known."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Something that other people run (`Foreign`), and the packages with which code reaches it.

    Without `packages`, its name with underscores is the package: `payment_gateway` for "payment-gateway".
    """

    name: str
    packages: tuple[str, ...] = ()
    where: str = ""

    @property
    def imported(self) -> tuple[str, ...]:
        """The packages with which code reaches it."""
        return self.packages or (self.name.replace("-", "_"),)


@dataclass(frozen=True, kw_only=True)
class CodeMap:
    """The contexts of a code base and their relations.

    `roots` are the folders that hold the packages, as in `sys.path`. `packages` are the top-level packages that make up
    the code base. Empty: all packages in the roots. `type_checking` says whether an import for type checkers counts as
    a dependency. `tests` says whether the modules of tests are held to the map too.
    """

    name: str
    contexts: tuple[CodeContext, ...] = ()
    relations: tuple[Relation, ...] = ()
    outside: tuple[Outside, ...] = ()
    roots: tuple[Path, ...] = (Path(),)
    packages: tuple[str, ...] = ()
    type_checking: bool = True
    tests: bool = False
    where: str = ""
    """The file that it was read from, or the name of the system that it was derived from."""
    places: tuple[str, ...] = field(default=(), compare=False)
    """The places of the relations, as `file:line`, in their order. Empty: they are not known."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the contexts."""
        return tuple(context.name for context in self.contexts)

    @property
    def named(self) -> frozenset[str]:
        """The packages and modules that the map names: of contexts, of their parts, of translations and of kernels."""
        of_contexts = (
            module for each in self.contexts for module in (*each.packages, *(each.published or ()), *(each.pure or ()))
        )
        of_relations = (
            each.module if isinstance(each, AntiCorruptionLayer) else each.package
            for each in self.relations
            if isinstance(each, AntiCorruptionLayer | SharedKernel)
        )
        return frozenset(filter(None, (*of_contexts, *of_relations)))

    @property
    def foreign(self) -> tuple[Outside, ...]:
        """What is outside: as declared, and each further `Foreign` of a relation under its own name."""
        named = {each.name: each for each in self.outside}
        for relation in self.relations:
            for party in relation.parties:
                if isinstance(party, Foreign):
                    named.setdefault(party.name, Outside(name=party.name))
        return tuple(named.values())

    def context(self, name: str) -> CodeContext | None:
        """The context of this name, or None."""
        return next((each for each in self.contexts if each.name == name), None)

    def place_of(self, relation: Relation) -> str:
        """The place that states a relation. Where it is not known, the place of the map."""
        at = next((number for number, each in enumerate(self.relations) if each is relation), len(self.places))
        return self.places[at] if at < len(self.places) else self.where or self.name
