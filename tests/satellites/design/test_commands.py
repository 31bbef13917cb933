"""The command `remit-design`: what it prints, writes and refuses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from remit.boundaries import check_code, read_map
from remit.relations import Foreign
from remit_design.cml.facts import Facts, facts
from remit_design.cml.model import check_text
from remit_design.commands import execute
from remit_design.design import export_map
from tests.conformance.shapes import tidy
from tests.satellites.design.shop import SHOP


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.cml").write_text(SHOP)
    return tmp_path


def test_import_writes_a_map_that_remit_reads_and_names_what_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["import", "shop.cml"]) == 0
    code = read_map("remit-map.toml")
    assert code.names == ("Sales", "Billing", "Shipping", "Ledger")
    assert [type(relation).__name__ for relation in code.relations] == [
        "OpenHost", "AntiCorruptionLayer", "CustomerSupplier", "Partnership", "SharedKernel", "Conformist",
    ]  # fmt: skip
    told = capsys.readouterr().out
    line = next(number for number, text in enumerate(SHOP.splitlines(), 1) if "Entity Order {" in text)
    left = "1 attribute(s), 1 reference(s), 3 operation(s): only the name is kept"
    assert f"not taken over  shop.cml:{line}  Entity Order in Aggregate Orders: {left}" in told
    assert "wrote remit-map.toml" in told


def test_import_does_not_write_over_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "remit-map.toml").write_text("mine")
    assert execute(["import", "shop.cml"]) == 2
    assert "cml.file" in capsys.readouterr().err
    assert (folder / "remit-map.toml").read_text() == "mine"


def test_a_file_with_findings_is_not_imported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shop.cml").write_text("BoundedContext A implements B")
    assert execute(["import", "shop.cml"]) == 1
    assert "cml.unresolved  shop.cml:1" in capsys.readouterr().err
    assert not (folder / "remit-map.toml").exists()


def test_check_shows_findings_and_notes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["check", "shop.cml"]) == 0
    assert "note  cml.flow-drawable" in capsys.readouterr().out
    (folder / "shop.cml").write_text("Domain {")
    assert execute(["check", "shop.cml"]) == 1
    assert "cml.syntax  shop.cml:1" in capsys.readouterr().err


def test_export_writes_cml_to_the_output_or_to_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    execute(["import", "shop.cml"])
    capsys.readouterr()
    assert execute(["export"]) == 0
    told = capsys.readouterr().out
    assert not check_text(told, "again.cml").findings
    assert execute(["export", "remit-map.toml", "--to", "again.cml"]) == 0
    assert (folder / "again.cml").read_text() == told


MAP = """
[contexts.order-taking]
packages = ["shop.orders"]
kind = "core"
owner = ["Team A"]

[contexts.billing]

[outside.payment-gateway]

[[relations]]
kind = "open-host"
host = "order-taking"
exposes = ["OrderPlaced"]

[[relations]]
kind = "conformist"
upstream = "order-taking"
downstream = "billing"

[[relations]]
kind = "separate-ways"
one = "order-taking"
other = "billing"

[[relations]]
kind = "anti-corruption-layer"
upstream = "payment-gateway"
downstream = "billing"
module = "shop.billing.gateway"
"""


def test_a_map_that_was_never_cml_is_exported_whole_or_noted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "remit-map.toml").write_text(f'[map]\nname = "shop"\n{MAP}')
    assert execute(["export"]) == 0
    told = capsys.readouterr()
    assert told.out == (
        "ContextMap shop {\n"
        "\tcontains order_taking\n\tcontains billing\n\tcontains payment_gateway\n"
        "\torder_taking [U,OHS,PL]->[D,CF] billing\n\tpayment_gateway [U]->[D,ACL] billing\n}\n"
        "BoundedContext order_taking implements order_taking_subdomain\n"
        "BoundedContext billing\n"
        "BoundedContext Team_A realizes order_taking {\n\ttype = TEAM\n}\n"
        "BoundedContext payment_gateway {\n\ttype = SYSTEM\n}\n"
        "Domain shop_domain {\n\tSubdomain order_taking_subdomain {\n\t\ttype = CORE_DOMAIN\n\t}\n}\n"
    )
    for unsaid in ("packages of order-taking: CML", "exposes of OpenHost", "SeparateWays of", "module of Anti"):
        assert f"{unsaid}" in told.err


SYSTEM = """
from remit import Context, System
from remit.relations import CustomerSupplier

relation = CustomerSupplier(supplier="sales", customer="billing")
system = System("shop", contexts=[Context("sales"), Context("billing")], relations=[relation])
"""


def test_a_system_is_exported(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "sold_in_cml.py").write_text(SYSTEM)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    assert execute(["export", "sold_in_cml:system"]) == 0
    assert "\tsales [U,S]->[D,C] billing\n" in capsys.readouterr().out
    assert execute(["export", "sold_in_cml:nothing"]) == 2
    assert "system.missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[contexts.a\n", "map.syntax"),
        ("[contexts.a]\ncolour = 1\n", "map.unknown-key"),
        ("[contexts.a]\n[cml]\ncontexts = 5\n", "cml.map"),
        ("[contexts.a]\n[[cml.relationships]]\n", "cml.map"),
        ('[contexts.a]\n[cml.contexts.a]\ntype = "COLOUR"\n', "cml.map"),
        ('[contexts.a]\n[cml.contexts.a]\nresponsibilities = "many"\nevolution = 3\n', "cml.map"),
        ('[[relations]]\nkind = "conformist"\nupstream = "a"\ndownstream = "a"\n[contexts.a]\n', "cml.map"),
        (None, "map.missing"),
    ],
)
def test_a_map_that_cannot_be_exported_is_a_finding(folder: Path, text: str | None, code: str) -> None:
    if text is not None:
        (folder / "remit-map.toml").write_text(text)
    written, found = export_map(folder / "remit-map.toml")
    assert written == ""
    assert {finding.code for finding in found} == {code}


def test_a_context_that_remit_cannot_name_is_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "shop.cml").write_text("BoundedContext _orders")
    assert execute(["import", "shop.cml"]) == 1
    assert "cml.context-name" in capsys.readouterr().err


PORT = """
from remit import Command, Context, DomainEvent, IntegrationEvent, System
from remit.relations import AntiCorruptionLayer, CustomerSupplier, Foreign, OpenHost, SharedKernel

class Moor(Command[None]):
    ship: str

class Moored(DomainEvent):
    ship: str

class ShipMoored(IntegrationEvent, version=1, key="ship"):
    ship: str

berths = Context("berths", kind="core", owner="team-harbour")
cargo, customs = Context("cargo"), Context("customs")

@berths.handle(Moor)
async def moor(command: Moor) -> None: ...

berths.publish_as(Moored, ShipMoored)

@cargo.react(ShipMoored)
async def unload(event: ShipMoored) -> None: ...

port = System("port", contexts=[berths, cargo, customs], relations=[
    OpenHost("berths"),
    SharedKernel("cargo", "customs", package="manifest"),
    AntiCorruptionLayer(upstream=Foreign("national-customs"), downstream="customs", module="customs.national"),
])
"""


@pytest.fixture
def port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (folder / "port_in_cml.py").write_text(PORT)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    yield folder
    sys.modules.pop("port_in_cml", None)


def test_what_a_system_says_comes_back_from_cml_or_is_named(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert execute(["export", "port_in_cml:port", "--to", "port.cml"]) == 0
    told = capsys.readouterr().err
    for renamed in ("national-customs", "team-harbour"):
        assert f"the name {renamed}: CML has letters, digits and _ only" in told
    assert "package of SharedKernel of cargo and customs: CML has no word for it" in told
    assert "\tberths [U,OHS,PL]->[D] cargo\n" in (port / "port.cml").read_text()

    assert execute(["import", "port.cml"]) == 0
    code = read_map("remit-map.toml")
    assert code.names == ("berths", "cargo", "customs")
    assert [each.name for each in code.outside] == ["national_customs"]
    assert [type(each).__name__ for each in code.relations] == ["OpenHost", "SharedKernel", "AntiCorruptionLayer"]
    assert code.relations[2].parties[0] == Foreign("national_customs")
    checked = check_code(code)
    assert list(map(str, checked)) == []
    assert {"relation.no-package", "relation.no-module"} <= {note.code for note in checked.notes}
    assert execute(["export", "--to", "again.cml"]) == 0
    again, before = (facts(check_text((port / name).read_text(), name).root) for name in ("again.cml", "port.cml"))
    assert tidy(again) == tidy(before)


def test_the_guests_of_an_open_host_are_named_where_they_are_not_known(
    port: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (port / "port_in_cml.py").write_text(PORT.replace('OpenHost("berths")', 'OpenHost("berths", exposes=[])'))
    execute(["export", "port_in_cml:port"])
    assert (
        "the contexts that use an open host: they are not known while remit check has findings"
        in capsys.readouterr().err
    )


def test_export_takes_what_check_takes(port: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (port / "pyproject.toml").write_text('[tool.remit]\nsystem = "port_in_cml:port"\n')
    assert execute(["export"]) == 0
    assert capsys.readouterr().out.startswith("ContextMap port {")

    (port / "remit-map.toml").write_text('[map]\nname = "quay"\n[contexts.sheds]\n')
    assert execute(["export"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("ContextMap port {")
    assert "remit-map.toml  pyproject.toml names a system, which was exported" in told.err
    assert execute(["export", "remit-map.toml"]) == 0
    assert capsys.readouterr().out.startswith("ContextMap quay {")


def test_what_is_outside_without_a_relation_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "remit-map.toml").write_text('[contexts.sales]\n[outside.bank]\npackages = ["bankapi"]\n')
    assert execute(["export"]) == 0
    told = capsys.readouterr().err
    assert "bank is outside: CML has no word for it" in told
    assert "packages of bank: CML has no word for it" in told


@pytest.mark.parametrize(
    "more",
    ["BoundedContext T realizes Bank { type = TEAM }", "ContextMap { contains A, Bank Bank [OHS]->[ACL] A }", ""],
)
def test_a_system_of_which_more_is_said_stays_a_context(folder: Path, more: str) -> None:
    (folder / "shop.cml").write_text(f"BoundedContext A BoundedContext Bank {{ type = SYSTEM }} {more}")
    assert execute(["import", "shop.cml"]) == 0
    assert "Bank" in read_map("remit-map.toml").names


def test_a_relation_that_both_contexts_state_is_written_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stated = '[[relations]]\nkind = "partnership"\n'
    text = f'[contexts.a]\n[contexts.b]\n{stated}one = "a"\nother = "b"\n{stated}one = "b"\nother = "a"\nuses = ["M"]\n'
    (folder / "remit-map.toml").write_text(text)
    assert execute(["export"]) == 0
    told = capsys.readouterr()
    assert told.out.count("[P]<->[P]") == 1
    assert "uses of Partnership" in told.err


def exported(folder: Path, capsys: pytest.CaptureFixture[str], text: str) -> tuple[Facts, str]:
    """What is written for a map, and what is told about it."""
    (folder / "remit-map.toml").write_text(text, encoding="utf-8")
    assert execute(["export", "remit-map.toml"]) == 0
    told = capsys.readouterr()
    model = check_text(told.out, "out.cml")
    assert list(map(str, model.findings)) == []
    return facts(model.root), told.err


def test_a_team_that_is_called_like_a_context_gets_another_name(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, told = exported(
        folder, capsys, '[contexts.sales]\nowner = "sales"\n[contexts.billing]\nowner = ["sales", "money"]\n'
    )
    realized = {each["name"]: each.get("realizes") for each in written["contexts"]}
    assert realized == {
        "sales": None, "billing": None, "sales_team": ["sales", "billing"], "money": ["billing"],
    }  # fmt: skip
    assert "the name sales: CML has one name for one context, system or team; sales_team was written" in told


def test_names_that_cml_spells_alike_stay_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    map_ = """
[contexts.a-b]
kind = "core"
owner = "team-a"
[contexts.a_b]
kind = "core"
owner = "team_a"
[contexts.c]
[outside.c]
[outside."a.b"]
[[relations]]
kind = "customer-supplier"
supplier = "a-b"
customer = "a_b"
[[relations]]
kind = "anti-corruption-layer"
upstream = "a.b"
downstream = "a_b"
module = "x"
"""
    written, told = exported(folder, capsys, map_.replace("[outside.c]\n", ""))
    realized = {each["name"]: each.get("realizes") for each in written["contexts"]}
    assert realized == {
        "a_b_2": None, "a_b": None, "c": None, "team_a_team": ["a_b_2"], "team_a": ["a_b"], "a_b_3": None,
    }  # fmt: skip
    related = [(each["upstream"], each["downstream"]) for each in written["contextMap"]["relationships"]]
    assert related == [("a_b_2", "a_b"), ("a_b_3", "a_b")]
    for name, made in (("a-b", "a_b_2"), ("team-a", "team_a_team"), ("a.b", "a_b_3")):
        assert f"the name {name}: CML has one name for one context, system or team; {made} was written" in told
