"""One file per rule, and one list of all rules."""

import importlib
from pathlib import Path

import pytest

from remit import Context, System
from remit.checks import NOTED, RULES, rules
from remit.contexts import Model
from remit.errors import Findings

ROOT = Path(__file__).parents[2]
BESIDE = {
    "rules": "the list",
    "legality": "the rules of the map, by names alone, for maps without a system too",
    "statements": "what only stores can tell",
}


def test_each_file_of_the_room_is_a_rule_of_its_name_and_in_the_list() -> None:
    files = {path.stem for path in (ROOT / "src/remit/checks").glob("*.py") if not path.stem.startswith("_")}
    every = (*RULES, *NOTED)
    assert {rule.__module__.split(".")[-1] for rule in every} == files - BESIDE.keys()
    assert [rule.__name__ for rule in every] == [f"check_{rule.__module__.split('.')[-1]}" for rule in every]


@pytest.mark.parametrize("file", sorted(path.stem for path in (ROOT / "src/remit/checks").glob("[a-z]*.py")))
def test_a_rule_is_all_that_its_file_offers(file: str) -> None:
    module = importlib.import_module(f"remit.checks.{file}")
    offered = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    assert file in BESIDE or [name for name in offered if not name.startswith("_")] == [f"check_{file}"]


async def test_who_starts_a_system_looks_at_each_rule_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Model] = []

    def look(model: Model, findings: Findings) -> None:
        looked.append(model)

    monkeypatch.setattr(rules, "RULES", (look,))
    async with System("shop", contexts=[Context("sales")]).connect(store="memory:"):
        assert len(looked) == 1
