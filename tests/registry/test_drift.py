"""What code and language documents do not have in common is told: by `System.check()` and by `remit glossary`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from remit import System
from remit.cli.program import execute
from remit.hosting.checking import check_map
from remit.hosting.finding import find_system

PROGRAM = """
from remit import Aggregate, Command, Context, Repository, System

sales = Context("sales", owner="a", language="sales.md")
billing = Context("billing", owner="b", language="docs/billing.md")


class Account(Aggregate[str]):
    pass


class Order(Command[None]):
    account: str
    price: int


@sales.handle(Order)
async def order(command: Order, accounts: Repository[Account]) -> None: ...


def more() -> None:
    class Account(Aggregate[str]):
        pass

    class Charge(Command[None]):
        account: str

    @billing.handle(Charge)
    async def charge(command: Charge, accounts: Repository[Account]) -> None: ...


more()
shop = System("shop", contexts=[sales, billing])
"""
SALES = "| word | meaning |\n|---|---|\n| order | what is wanted |\n| account | who wants it |\n| price | in cents |\n"
BILLING = "charge\n: what is owed\n\naccount\n: what was charged\n"


@pytest.mark.parametrize("name", ["learning.system:platform", "hotel.system:hotel"])
def test_the_documents_of_the_examples_explain_their_names(name: str) -> None:
    found = find_system(name).check()
    assert [each for each in [*found, *found.notes] if each.code.startswith("language.")] == []


class Code:
    """A small system in a folder of its own, with its documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "docs").mkdir()
        self.write("drifting.py", PROGRAM)
        self.write("sales.md", SALES)
        self.write("docs/billing.md", BILLING)

    def write(self, name: str, text: str | bytes) -> None:
        (self.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def change(self, before: str, after: str) -> None:
        text = (self.folder / "drifting.py").read_text()
        assert before in text
        self.write("drifting.py", text.replace(before, after))

    def system(self) -> System:
        sys.modules.pop("drifting", None)
        return find_system("drifting:shop")

    def codes(self) -> tuple[set[str], set[str]]:
        """The codes of errors and notes about languages."""
        found = self.system().check()
        notes = {each.code for each in found.notes if each.code.startswith("language.")}
        return {each.code for each in found}, notes


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Code]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Code(tmp_path)
    sys.modules.pop("drifting", ModuleType(""))


def test_a_system_whose_documents_explain_its_names_has_no_findings(code: Code) -> None:
    assert code.codes() == (set(), set())


def test_a_name_that_its_document_does_not_mention_is_noted(code: Code) -> None:
    code.write("sales.md", SALES.replace("order", "wish"))
    (note,) = (each for each in code.system().check().notes if each.code == "language.unmentioned")
    assert "does not mention the command Order" in note.what
    assert note.where.endswith("drifting.py:12")


def test_a_field_that_its_document_does_not_mention_is_noted(code: Code) -> None:
    code.write("sales.md", SALES.replace("price", "cost"))
    (note,) = (each for each in code.system().check().notes if each.code == "language.unmentioned")
    assert "does not mention price of Order" in note.what


def test_an_aggregate_that_its_document_does_not_mention_is_noted(code: Code) -> None:
    code.write("docs/billing.md", "charge\n: what is owed to the ledger\n")
    whats = [each.what for each in code.system().check().notes if each.code == "language.unmentioned"]
    assert "the language document of 'billing' does not mention the aggregate Account" in whats


def test_a_name_of_two_contexts_that_neither_explains_is_a_finding(code: Code) -> None:
    code.write("sales.md", SALES.replace("| account | who wants it |\n", "") + "\nAn account wants it.\n")
    assert code.codes() == (set(), set())  # billing explains it
    code.write("docs/billing.md", "charge\n: what is owed on an account\n")
    assert code.codes() == ({"language.undefined"}, set())


def test_a_context_without_a_document_is_noted_if_others_have_one(code: Code) -> None:
    code.change(', language="docs/billing.md"', "")
    assert code.codes() == (set(), {"language.missing"})
    code.change(', language="sales.md"', "")
    assert code.codes() == (set(), set())


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", None])
def test_a_document_that_cannot_be_read_is_a_finding(code: Code, text: bytes | None) -> None:
    if text is None:
        (code.folder / "sales.md").unlink()
    else:
        code.write("sales.md", text)
    assert "language.unreadable" in code.codes()[0]


@pytest.mark.parametrize("path", ["docs", "x" * 5000, "\\0", ".."])
def test_a_path_that_is_no_file_is_a_finding(code: Code, path: str) -> None:
    code.change('language="sales.md"', f'language="{path}"')
    assert "language.unreadable" in code.codes()[0]


def test_a_document_without_words_is_noted(code: Code) -> None:
    code.write("sales.md", "An order has an account and a price.\n")
    assert code.codes() == (set(), {"language.empty"})


def test_the_glossary_shows_several_meanings_and_drift(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    code.write("sales.md", SALES.replace("price", "cost"))
    assert execute(["glossary", "drifting:shop"]) == 0
    printed = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert printed[:3] == ["WORD CONTEXT MEANING", "account sales who wants it", "billing what was charged"]
    assert any(line.startswith("note: language.unmentioned") for line in printed)
    assert printed[-1] == "shop: 4 words, 1 with several meanings"
    assert execute(["glossary", "drifting:shop", "--all"]) == 0
    assert "charge billing what is owed" in " ".join(capsys.readouterr().out.split())


def test_the_glossary_as_json_has_words_and_findings(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    (code.folder / "sales.md").unlink()
    assert execute(["glossary", "drifting:shop", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in said["errors"]] == ["language.unreadable"]
    assert said["words"][0] == {
        "word": "account", "differs": False,
        "meanings": [{"context": "billing", "meaning": "what was charged", "where": "docs/billing.md:4"}],
    }  # fmt: skip


MAP = """
[map]
roots = ["."]
[contexts.catalog]
packages = ["catalog"]
language = "sales.md"
[contexts.cart]
packages = ["cart"]
language = "docs/billing.md"
[contexts.other]
packages = ["other"]
"""


def test_a_code_map_has_a_glossary_too(code: Code, capsys: pytest.CaptureFixture[str]) -> None:
    code.write("remit-map.toml", MAP)
    assert execute(["glossary"]) == 0
    assert "account catalog who wants it cart what was charged" in " ".join(capsys.readouterr().out.split())


def test_a_missing_document_of_a_code_map_is_a_finding_with_its_line(code: Code) -> None:
    code.write("remit-map.toml", MAP)
    (code.folder / "sales.md").unlink()
    _, findings = check_map("remit-map.toml")
    (finding,) = (each for each in findings if each.code.startswith("language."))
    assert finding.code == "language.unreadable"
    assert finding.where.startswith("remit-map.toml:")
