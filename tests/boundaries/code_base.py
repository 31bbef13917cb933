"""A small code base of two or three contexts in a folder, with its map: what tests of rules start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent
from types import MappingProxyType
from typing import Any

from remit.boundaries import CodeContext, CodeMap, check_code
from remit.errors import Findings
from remit.relations import Relation

CLEAN = {
    "shop/__init__.py": "",
    "shop/sales/__init__.py": "",
    "shop/sales/api.py": "from shop.sales.model import Order\nclass OrderPlaced:\n    order: str\n",
    "shop/sales/model.py": "class Order:\n    number: str\n    lines: list\n    total: int\n",
    "shop/billing/__init__.py": "",
    "shop/billing/api.py": "class Invoiced:\n    order: str\n",
    "shop/billing/model.py": "class Invoice:\n    number: str\n    amount: int\n",
    "shop/billing/handlers.py": "from shop.sales.api import Order, OrderPlaced\n",
    "shop/billing/translation.py": "",
    "shop/kernel/__init__.py": "",
    "shop/mail/__init__.py": "",
    "shop/mail/api.py": "",
}
"""`shop.billing` uses what `shop.sales` publishes."""


def written(folder: Path, files: Mapping[str, str] = MappingProxyType({}), *, without: tuple[str, ...] = ()) -> Path:
    """Writes the clean code base with these files in place of its own."""
    for name, text in {**CLEAN, **files}.items():
        if name not in without:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
    return folder


def mapped(
    folder: Path, *relations: Relation, contexts: Mapping[str, Mapping[str, Any]] = MappingProxyType({}), **other: Any
) -> CodeMap:
    """The map of the code base. `contexts` has further settings of its contexts, by name."""
    named = [_context(name, contexts.get(name, {})) for name in ("sales", "billing", "mail")]
    settings: dict[str, Any] = {"contexts": tuple(named), "relations": relations, "roots": (folder,), **other}
    return CodeMap(name="shop", **settings)


def _context(name: str, settings: Mapping[str, Any]) -> CodeContext:
    given: dict[str, Any] = {"packages": (f"shop.{name}",), **settings}
    return CodeContext(name=name, **given)


def told(findings: Findings, folder: Path) -> list[tuple[str, str]]:
    """Codes and places of findings, the places within the folder."""
    return [(each.code, each.where.removeprefix(f"{folder}/")) for each in findings]


def checked(code: CodeMap) -> list[tuple[str, str]]:
    """Codes and places of the findings on a code base."""
    return told(check_code(code), code.roots[0])


def noted(code: CodeMap) -> list[tuple[str, str]]:
    """Codes and places of the notes on a code base."""
    return told(Findings(check_code(code).notes), code.roots[0])
