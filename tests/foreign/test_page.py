"""The page for who adds a technology says what is so."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from inspect import getmro, isfunction
from typing import get_args

import pytest

from remit.errors import Lost
from remit.stores import SqlStore, StoreTechnology
from remit.topology.channels import CHANNELS
from remit.topology.stores import STORES
from remit.transports import ChannelSettings, ChannelTechnology
from tests.docs.pages import ROOT, Block, blocks
from tests.foreign.distributions import HERE, OURS, ROOMS

PAGE = (ROOT / "docs" / "adapters.md").read_text()
ROW = re.compile(r"^\| (.*) \|$", re.MULTILINE)
WORD = re.compile(r"`(\w+)`")
SAID = {True: "yes", False: "no"}


def section(title: str) -> str:
    return PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0].partition("\n## ")[0]


def rows(title: str, first: str) -> Iterator[list[str]]:
    """The rows of the table that begins with this word, without its head."""
    table = next(text for text in section(title).split("\n\n") if text.lstrip("\n").startswith(f"| {first} |"))
    for row in ROW.findall(table)[1:]:
        yield row.split(" | ")


def written(language: str) -> Block:
    return next(block for block in blocks(PAGE, "adapters.md") if block.language == language)


@pytest.mark.parametrize(
    ("kind", "title"),
    [(StoreTechnology, "The description of a store"), (ChannelTechnology, "The description of a channel")],
)
def test_every_field_is_explained_and_no_other(kind: type[StoreTechnology | ChannelTechnology], title: str) -> None:
    explained = [name for row in rows(title, "field") for name in WORD.findall(row[0])]
    assert sorted(explained) == sorted(field.name for field in fields(kind))


def test_every_method_of_a_store_is_listed_with_its_facet_and_no_other() -> None:
    table = PAGE.partition("\n| facet |")[2].partition("\n\n")[0]
    cells = [row.split(" | ") for row in ROW.findall(table)]
    listed = {facet: WORD.findall(methods) for facet, methods, _ in cells}
    facets = [kind for kind in reversed(getmro(SqlStore)) if kind.__module__.startswith("remit.")]
    assert listed == {
        f"`{kind.__name__}`": [name for name, what in vars(kind).items() if isfunction(what) and name[0] != "_"]
        for kind in facets
    }


def test_every_word_of_a_conflict_of_a_unit_is_explained_and_no_other() -> None:
    table = PAGE.partition("\n| `Conflict` |")[2].partition("\n\n")[0]
    explained = {row.split(" | ")[0].strip('`"') for row in ROW.findall(table)}
    assert explained == set(get_args(Lost)) - {"sql"}  # which is of a handler's own statements


def test_what_a_channel_is_opened_with_is_named() -> None:
    paragraph = PAGE.partition("\n`ChannelSettings` hold")[2].partition("\n\n")[0]
    assert WORD.findall(paragraph) == [field.name for field in fields(ChannelSettings)]


def test_ours_are_as_the_page_shows_them() -> None:
    stores = [
        [f"`{each.name}`", f"`{each.form}`"]
        + [
            SAID[it]
            for it in (each.durable, each.shared_between_processes, each.roles, each.sql, each.schemas, each.path)
        ]
        for each in STORES.values()
    ]
    assert list(rows("The description of a store", "store")) == stores
    channels = [
        [f"`{each.name}`", f"`{each.form}`", SAID[each.carries("calls")], SAID[each.carries("events")]]
        + [SAID[it] for it in (each.finds_services, each.broker, each.direct)]
        for each in CHANNELS
    ]
    assert list(rows("The description of a channel", "channel")) == channels


def test_the_description_on_the_page_is_the_one_that_is_installed_here() -> None:
    assert _description(written("python").body) == _description((HERE / "remit_shelf" / "__init__.py").read_text())


def _description(source: str) -> str:
    """The last statement of a module, without its comments."""
    return ast.unparse(ast.parse(source).body[-1])


def test_the_entry_points_on_the_page_are_those_that_are_looked_for() -> None:
    project = tomllib.loads(written("toml").body)["project"]
    offered = {
        group: f"{name} = {value}"
        for group, points in project["entry-points"].items()
        for name, value in points.items()
    }
    assert offered == OURS["remit_shelf"]
    assert '"remit.channels"' in written("toml").body
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == [f"remit=={ours['version']}"]


def test_the_rooms_on_the_page_are_those_that_the_foreign_ones_import() -> None:
    paragraph = PAGE.partition("\nAn adapter imports")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(remit\.\w+)`", paragraph)) == ROOMS


def test_what_our_descriptions_refer_to_is_there() -> None:
    references = [text for each in STORES.values() for text in (each.opens, each.published)]
    references += [text for each in CHANNELS for text in (each.calls, each.events, each.prepares, each.permissions)]
    for reference in filter(None, references):
        module, _, name = reference.partition(":")
        assert callable(getattr(import_module(module), name)), reference
