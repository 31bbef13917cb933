"""The contracts of import-linter as its configuration files have them, in the forms of INI and TOML."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.conformance.imports import Graph, Malformed, wildcard
from tests.conformance.shapes import is_list

TYPES = {
    "forbidden": ("source_modules", "forbidden_modules", "allow_indirect_imports", "as_packages"),
    "layers": ("layers", "containers", "exhaustive", "exhaustive_ignores"),
    "independence": ("modules",),
    "acyclic_siblings": ("ancestors", "depth", "skip_descendants"),
    "protected": ("protected_modules", "allowed_importers", "as_packages"),
}
"""The options of each type of contract."""
KNOWN = ("id", "name", "type", "ignore_imports", "unmatched_ignore_imports_alerting", "broken_contract_guidance")
"""The options of every contract."""


@dataclass(frozen=True)
class Options:
    """The options of a contract, or those of all of them: texts and lists of texts."""

    values: Mapping[str, Any]

    def text(self, key: str, otherwise: str | None = None) -> str:
        """One text. Raises `Malformed` if it is missing, unless there is another, or if there are several."""
        value = self.values.get(key, otherwise)
        if value is None or isinstance(value, list):
            raise Malformed(f"{key}: one value is needed")
        return str(value)

    def texts(self, key: str, otherwise: list[str] | None = None) -> list[str]:
        """Texts. Raises `Malformed` if they are missing, unless there are others."""
        value: Any = self.values.get(key, otherwise)
        if value is None:
            raise Malformed(f"{key} is missing")
        return [f"{each}" for each in value] if is_list(value) else [f"{value}"]

    def flag(self, key: str, *, otherwise: bool = False) -> bool:
        """True or false. Raises `Malformed` for anything else."""
        value = self.text(key, str(otherwise)).lower()
        if value not in ("true", "false"):
            raise Malformed(f"{key} is {value}")
        return value == "true"

    def expressions(self, key: str, otherwise: list[str] | None = None) -> list[str]:
        """Names of modules, with wildcards. Raises `Malformed`."""
        found = self.texts(key, otherwise)
        for each in found:
            wildcard(each)
        return found


def read_contracts(text: str, file: str) -> tuple[Options, list[Options]]:
    """The options of all contracts, and the contracts. Raises `Malformed`."""
    options, contracts = _from_toml(text) if file.endswith(".toml") else _from_ini(text)
    if not contracts:
        raise Malformed("there are no contracts")
    return Options(options), [Options(each) for each in contracts]


def _from_ini(text: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        sections = {name: {key: _lines(value) for key, value in parser[name].items()} for name in parser.sections()}
    except configparser.Error as error:
        raise Malformed(str(error)) from None
    if "importlinter" not in sections:
        raise Malformed("there is no section importlinter")
    contracts = [each for name, each in sections.items() if name.startswith("importlinter:contract:")]
    return sections["importlinter"], list[Mapping[str, Any]](contracts)


def _lines(value: str) -> str | list[str]:
    return [line.strip() for line in value.strip().split("\n")] if "\n" in value else value


def _from_toml(text: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    try:
        options: dict[str, Any] = tomllib.loads(text)["tool"]["importlinter"]
        return options, options.get("contracts", [])
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Malformed(f"this is no configuration: {error}") from None


def roots_of(options: Options, graph: Graph) -> list[str]:
    """The root packages. Raises `Malformed` if neither option names them, or if one is not there."""
    many = "root_packages" in options.values
    return existing(graph, options.texts("root_packages") if many else [options.text("root_package")])


def ignored(graph: Graph, contract: Options) -> Graph:
    """The graph without the imports that a contract ignores. Raises `Malformed` for one that matches nothing."""
    alerting = contract.text("unmatched_ignore_imports_alerting", "error").lower()
    if alerting not in ("error", "warn", "none"):
        raise Malformed(f"unmatched_ignore_imports_alerting is {alerting}")
    found: set[tuple[str, str]] = set()
    for each in contract.texts("ignore_imports", []):
        importer, _, imported = (part.strip() for part in each.partition("->"))
        if not importer or not imported:
            raise Malformed(f"{each} is no import")
        one, other = wildcard(importer), wildcard(imported)
        matching = {pair for pair in graph.imports if one.fullmatch(pair[0]) and other.fullmatch(pair[1])}
        if not matching and alerting == "error":
            raise Malformed(f"{each} matches no import")
        found |= matching
    return graph.without(found)


def existing(graph: Graph, expressions: list[str]) -> list[str]:
    """The modules that expressions mean. Raises `Malformed` for a module that is not there."""
    found = [module for each in expressions for module in graph.meant(each)]
    for each in found:
        if each not in graph.modules:
            raise Malformed(f"there is no module {each}")
    return list(dict.fromkeys(found))
