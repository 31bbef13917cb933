"""What other tools get: Mermaid, JSON, Backstage, CODEOWNERS."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from remit.contexts import AntiCorruptionLayer, CustomerSupplier, Foreign, OpenHost, SeparateWays, SharedKernel
from remit.registry.backstage import catalog_of, entities_of, entity_name
from remit.registry.codeowners import codeowners_of
from remit.registry.document import map_document
from remit.registry.entries import Consumed, Entry, Published, Registry
from remit.registry.flowchart import map_flowchart
from remit.registry.layout import MapError
from remit.registry.links import kernels_in, links_of, open_hosts_in
from tests.registry.generated import generated

STATED = (
    OpenHost("sales"),
    CustomerSupplier(supplier="billing", customer="sales"),
    AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing"),
    SeparateWays("sales", "search"),
)
ENTRIES = (
    Entry(
        "sales", "core", "team-sales", "docs/sales.md", ("shop.sales",),
        publishes=(Published("sales.OrderPlaced", "event", 2),),
        consumes=(Consumed("billing", "billing.Charge", "call"),),
    ),
    Entry(
        "billing", "supporting", "team-billing", packages=("shop.billing",),
        publishes=(Published("billing.Charge", "command", 1),),
        consumes=(Consumed("sales", "sales.OrderPlaced", "event"),),
    ),
    Entry("search", "generic", packages=("shop.search", "shop.search.index")),
    Entry("bank", is_foreign=True),
)  # fmt: skip
SHOP = Registry("shop", ENTRIES, links_of(ENTRIES, STATED), open_hosts_in(STATED))
NASTY = """<b>"&';#|]} ``é\nend"""


# --- Mermaid


def test_a_flowchart_has_a_node_for_each_context_and_a_line_for_all_that_travels() -> None:
    lines = [line.strip() for line in map_flowchart(SHOP).splitlines()]
    assert lines[0] == "flowchart LR"
    assert 'c0["sales<br/>team-sales<br/>core · open host"]:::core' in lines
    assert 'c3["bank<br/>outside of the system"]:::foreign' in lines
    assert 'c0 -->|"calls · D,C ← U,S"| c1' in lines
    assert 'c0 -.->|"events · U,OHS,PL → D"| c1' in lines
    assert 'c3 ---|"U → D,ACL"| c1' in lines
    assert 'c0 -.-|"Separate Ways"| c2' in lines


NODE = re.compile(r'  c\d+\["[^"\[\]{}|`]*"\](:::\w+)?')
LINE = re.compile(r'  c\d+ (-->|-\.->|==>|---|-\.-)\|"[^"\[\]{}|`]*"\| c\d+')


@pytest.mark.parametrize("registry", [SHOP, generated(60), Registry(NASTY, (Entry(NASTY, NASTY, NASTY),), ())])
def test_every_line_of_a_flowchart_is_one_that_mermaid_reads(registry: Registry) -> None:
    first, *lines = map_flowchart(registry).splitlines()
    assert first == "flowchart LR"
    strange = [each for each in lines if not (NODE.fullmatch(each) or LINE.fullmatch(each))]
    assert all(each.startswith("  classDef ") for each in strange)


# --- JSON


def test_the_document_has_its_version_and_every_field_of_the_entries() -> None:
    document = json.loads(json.dumps(map_document(SHOP)))
    assert document["format"] == 1
    assert {*document} == {"format", "name", "contexts", "links", "open_hosts", "kernels"}
    assert document["contexts"][0]["publishes"] == [{"message": "sales.OrderPlaced", "kind": "event", "version": 2}]
    assert document["links"][0] == {
        "upstream": "bank", "downstream": "billing", "pattern": "relation", "upstream_roles": ["U"],
        "downstream_roles": ["D", "ACL"], "flows": [], "uses": None,
    }  # fmt: skip


# --- Backstage. The rules are those of its published JSON schemas.

NAME = re.compile(r"([A-Za-z0-9]+[-_.])*[A-Za-z0-9]+")
REQUIRED = {
    "System": {"owner"},
    "Group": {"type", "children"},
    "Component": {"type", "lifecycle", "owner"},
    "API": {"type", "lifecycle", "owner", "definition"},
    "Resource": {"type", "owner"},
}
STRANGE = Registry("x y!", (Entry("ü ß", owner="Team & Co"), Entry("a" * 200, "core")), ())
SAID = (Published("Placed", "event", 1),)
ALIKE = Registry(
    "s",
    (
        Entry("a_b", owner="sales team", publishes=SAID), Entry("a-b", owner="sales-team", publishes=SAID),
        Entry("A-b", owner="unknown"), Entry("c-kernel", owner="Ü"), Entry("a" * 62 + "b"), Entry("a" * 63 + "b"),
        Entry("a b", is_foreign=True), Entry("a.b", is_foreign=True),
    ),
    (), (), kernels_in([SharedKernel("a_b", "a-b", package="c")]),
)  # fmt: skip


@pytest.mark.parametrize("registry", [SHOP, generated(60), STRANGE, ALIKE])
def test_every_entity_is_one_that_backstage_takes(registry: Registry) -> None:
    entities = list(entities_of(registry))
    names = [(each["kind"], each["metadata"]["name"].lower()) for each in entities]
    assert len(names) == len(set(names))
    for entity in entities:
        name = entity["metadata"]["name"]
        assert entity["apiVersion"] == "backstage.io/v1alpha1"
        assert NAME.fullmatch(name)
        assert len(name) <= 63
        assert REQUIRED[entity["kind"]] <= {*entity["spec"]}
        assert all(value or key == "children" for key, value in entity["spec"].items())


@pytest.mark.parametrize("registry", [SHOP, generated(60), STRANGE, ALIKE])
def test_every_reference_is_to_an_entity_of_the_catalog(registry: Registry) -> None:
    entities = list(entities_of(registry))
    known = {f"{each['kind']}:{each['metadata']['name']}".lower() for each in entities}
    for entity in entities:
        spec = entity["spec"]
        named = {spec["owner"]} if "owner" in spec else set[str]()
        named |= {f"api:{each}" for each in (*spec.get("providesApis", ()), *spec.get("consumesApis", ()))}
        named |= {f"system:{spec['system']}"} if "system" in spec else set()
        named |= {*spec.get("dependsOn", ())}
        assert {each.lower() for each in named} <= known


def test_the_catalog_is_yaml_with_the_same_entities() -> None:
    yaml: Any = import_module("yaml")  # it has no types
    assert list(yaml.safe_load_all(catalog_of(SHOP))) == list(entities_of(SHOP))


def test_names_that_backstage_spells_alike_stay_apart() -> None:
    named = {(each["kind"], each["metadata"]["title"]): each["metadata"]["name"] for each in entities_of(ALIKE)}
    owners = {
        each["metadata"]["title"]: each["spec"]["owner"] for each in entities_of(ALIKE) if "owner" in each["spec"]
    }
    assert (named["Component", "a-b"], named["Component", "a_b"]) == ("a-b", "a-b-3")
    assert (owners["a-b"], owners["a_b"], owners["c-kernel"]) == (
        "group:sales-team",
        "group:sales-team-2",
        "group:unknown-2",
    )
    assert (named["Component", "c-kernel"], named["Component", "c"]) == ("c-kernel", "c-kernel-2")


@pytest.mark.parametrize("sign", ["\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "ü", "😀", "\x00", "\n"])
def test_a_text_comes_back_from_the_catalog_as_it_was(sign: str) -> None:
    yaml: Any = import_module("yaml")  # it has no types
    read = list(yaml.safe_load_all(catalog_of(Registry(f"a{sign}b", (Entry("x"),), ()))))
    assert read[0]["metadata"]["title"] == f"a{sign}b"


def test_a_component_says_what_it_provides_consumes_and_depends_on() -> None:
    specs = {each["metadata"]["name"]: each["spec"] for each in entities_of(SHOP) if each["kind"] == "Component"}
    assert specs["billing"]["providesApis"] == ["billing-language"]
    assert specs["billing"]["consumesApis"] == ["sales-language"]
    assert specs["billing"]["dependsOn"] == ["resource:bank", "component:sales"]
    assert "dependsOn" not in specs["search"]  # separate ways
    assert specs["search"]["owner"] == "group:unknown"


@pytest.mark.parametrize(("teams", "owner"), [(("t", "t"), "group:t"), (("t", "u"), "group:unknown")])
def test_a_shared_kernel_is_a_library_on_which_its_contexts_depend(teams: tuple[str, str], owner: str) -> None:
    entries = Entry("a", owner=teams[0]), Entry("b", owner=teams[1]), Entry("c", owner="t")
    kernels = kernels_in([SharedKernel("a", "b", package="a.common")])
    entities = list(entities_of(Registry("s", entries, (), (), kernels)))
    specs = {each["metadata"]["name"]: each["spec"] for each in entities if each["kind"] == "Component"}
    assert (specs["a-common-kernel"]["type"], specs["a-common-kernel"]["owner"]) == ("library", owner)
    assert specs["a"]["dependsOn"] == specs["b"]["dependsOn"] == ["component:a-common-kernel"]
    assert "dependsOn" not in specs["c"]
    assert owner.partition(":")[2] in {each["metadata"]["name"] for each in entities if each["kind"] == "Group"}


@pytest.mark.parametrize(("text", "name"), [("team sales", "team-sales"), ("Ü", "unknown"), ("-a--b-", "a-b")])
def test_a_name_is_made_one_of_backstage(text: str, name: str) -> None:
    assert entity_name(text) == name


# --- CODEOWNERS

ROOT = Path("/repository").absolute()
FOLDERS = {
    "shop.sales": ROOT / "src/shop/sales",
    "shop.billing": ROOT / "src/shop/billing.py",
    "shop.search": ROOT / "src/shop/search",
    "shop.search.index": ROOT / "src/shop/search/index",
}


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.startswith("# Owners")]


def test_each_package_has_its_owner_and_what_has_none_is_said() -> None:
    assert lines_of(codeowners_of(SHOP, FOLDERS, ROOT, "@acme/{team}")) == [
        "/src/shop/billing.py @acme/team-billing",
        "/src/shop/sales/ @acme/team-sales",
        "# search: no owner (/src/shop/search/)",
        "# search: no owner (/src/shop/search/index/)",
    ]


def test_deeper_folders_come_later_because_the_last_match_wins() -> None:
    entries = (Entry("inner", owner="b", packages=("a.b.c",)), Entry("outer", owner="a", packages=("a",)))
    folders = {"a": ROOT / "z", "a.b.c": ROOT / "z/b/c"}
    registry = Registry("shop", entries, ())
    assert lines_of(codeowners_of(registry, folders, ROOT)) == ["/z/ @a", "/z/b/c/ @b"]


def test_what_a_pattern_would_read_as_a_sign_is_escaped() -> None:
    registry = Registry("shop", (Entry("a", owner="t", packages=("a",)),), ())
    text = codeowners_of(registry, {"a": ROOT / "my code" / "#1 [new]!"}, ROOT)
    assert lines_of(text) == [r"/my\ code/?1\ \[new\]!/ @t"]


def test_an_owner_that_is_a_name_of_github_or_an_address_stays_as_it_is() -> None:
    entries = (Entry("a", owner="@acme/core", packages=("a",)), Entry("b", owner="b@acme.example", packages=("b",)))
    folders = {"a": ROOT / "a", "b": ROOT / "b"}
    assert lines_of(codeowners_of(Registry("s", entries, ()), folders, ROOT, "@x/{team}")) == [
        "/a/ @acme/core",
        "/b/ b@acme.example",
    ]


def test_a_shared_kernel_has_the_owners_of_all_contexts_that_share_it() -> None:
    entries = (Entry("a", owner="one", packages=("a",)), Entry("b", owner="two", packages=("b",)), Entry("c"))
    relations = [SharedKernel("a", "b", package="a.common"), SharedKernel("b", "c", package="a.common")]
    registry = Registry("s", entries, (), (), kernels_in(relations))
    folders = {"a": ROOT / "a", "b": ROOT / "b", "a.common": ROOT / "a/common"}
    assert lines_of(codeowners_of(registry, folders, ROOT)) == ["/a/ @one", "/b/ @two", "/a/common/ @one @two"]


def test_a_package_elsewhere_is_left_out_and_said() -> None:
    registry = Registry("shop", (Entry("a", owner="t", packages=("a", "b")),), ())
    assert lines_of(codeowners_of(registry, {"a": Path("/other/a")}, ROOT)) == [
        "# a: package a is not below this folder",
        "# a: package b is not below this folder",
    ]


@pytest.mark.parametrize(
    ("owner", "form"), [("team one", "@{team}"), ("a", "@acme"), ("a", "{team}"), ("a#b", "@{team}")]
)
def test_an_owner_that_github_does_not_know_is_refused(owner: str, form: str) -> None:
    with pytest.raises(MapError):
        codeowners_of(Registry("s", (Entry("a", owner=owner, packages=("a",)),), ()), {"a": ROOT / "a"}, ROOT, form)
