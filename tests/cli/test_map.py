"""`remit map`: the contexts of a system or of a code base, drawn and exported."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from remit.cli.program import execute

EXAMPLES = Path(__file__).parents[2] / "examples"
MAP = """
[map]
name = "shop"
roots = ["."]

[contexts.sales]
packages = ["shop.sales"]
owner = "team-sales"
kind = "core"

[contexts.billing]
packages = ["shop.billing"]

[[relations]]
kind = "customer-supplier"
supplier = "billing"
customer = "sales"
"""


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(EXAMPLES)
    return EXAMPLES


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A code base that knows nothing of remit, with its map."""
    (tmp_path / "shop" / "sales").mkdir(parents=True)
    (tmp_path / "shop" / "billing.py").touch()
    (tmp_path / "remit-map.toml").write_text(MAP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("examples")
def test_it_shows_contexts_and_what_connects_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["map", "learning.system"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "billing supporting team-billing ConfirmInvoice, Invoices InvoicesOf" in lines
    assert "billing enrollment U,S → D,C enrollment calls ConfirmInvoice" in lines


@pytest.mark.usefixtures("examples")
def test_it_prints_each_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def printed(*options: str) -> str:
        assert execute(["map", "learning.system", *options]) == 0
        return capsys.readouterr().out

    assert json.loads(printed("--json"))["name"] == "learning"
    assert printed("--mermaid").startswith("flowchart LR\n")
    assert printed("--backstage").startswith("---\napiVersion:")
    assert "/examples/learning/billing/ @acme/team-billing\n" in printed("--codeowners", "--team", "@acme/{team}")
    for more in ([], ["--messages"]):
        picture = tmp_path / "map.svg"
        assert printed("--svg", str(picture), *more) == ""
        assert ET.fromstring(picture.read_text()).tag.endswith("svg")
        assert ("ConfirmInvoice</text>" in picture.read_text()) == bool(more)


@pytest.mark.usefixtures("examples")
def test_a_topology_adds_the_stores(capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["map", "learning/topologies/monolith.toml", "--json"]) == 0
    assert all(each["store"] for each in json.loads(capsys.readouterr().out)["contexts"])


@pytest.mark.parametrize("named", [[], ["remit-map.toml"]])
@pytest.mark.usefixtures("code")
def test_a_code_map_is_enough(named: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["map", *named]) == 0
    assert "billing sales U,S → D,C ·" in " ".join(capsys.readouterr().out.split())
    assert execute(["map", *named, "--codeowners"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "/shop/sales/ @team-sales",
        "# billing: no owner (/shop/billing.py)",
    ]


@pytest.mark.parametrize(
    "options", [["--json", "--mermaid"], ["--messages"], ["--mermaid", "--messages"], ["--team", "@a/{team}"]]
)
@pytest.mark.usefixtures("code")
def test_contradicting_options_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["map", *options]) == 2
    assert "cli.usage" in capsys.readouterr().err


def test_mistakes_are_told(code: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*arguments: str) -> str:
        assert execute(["map", *arguments]) == 2
        return capsys.readouterr().err.split()[0]

    assert told("--svg", str(code / "nowhere" / "map.svg")) == "map.unwritable"
    assert told("--codeowners", "--team", "@acme") == "map.unusable"
    assert told("nowhere.toml") == "cli.no-file"
    (code / "remit-map.toml").write_text("[contexts")
    assert told() == "map.syntax"
    (code / "remit-map.toml").unlink()
    assert told() == "system.unnamed"
