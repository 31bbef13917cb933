"""What travels how, told for one plan, drawn, and compared between two."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, pairwise

import pytest

from remit.messages.component import Component
from remit.topology.flowchart import mermaid_of
from remit.topology.flows import flows_of
from remit.topology.moves import PlacementChange, changes_between, check_stores_stay
from remit.topology.picture import picture_of
from remit.topology.placement import ContextShape, Placement, place
from tests.topology.files import parsed, placed
from tests.topology.learning import FOLDER, planned, shapes

SHOP: Mapping[str, ContextShape | None] = {
    "sales": ContextShape(
        calls=frozenset(
            {
                ("write", Component("billing", "write")),
                ("edge", Component("sales", "write")),
                ("write", Component("sales", "write")),
            }
        )
    ),
    "billing": ContextShape(frozenset({"write", "read"}), frozenset({"sales"}), frozenset({"billing", "sales"})),
    "stock": None,
}
ALL = '[services.all]\nruns = ["*"]\nhttp = "127.0.0.1:8000"\n'
BOTH = '[services.a]\nruns = ["sales"]\nhttp = "127.0.0.1:8000"\n[services.b]\nruns = ["billing", "stock"]\n'


def told(placement: Placement) -> set[str]:
    """What travels, in words."""
    return {f"{flow.source} {flow.kind} {flow.target}: {flow.told}" for flow in flows_of(placement, SHOP)}


def test_events_pushed_by_a_broker_are_pulled_over_calls_where_they_are_missed() -> None:
    text = '[channels]\nevents = "nats://h:1"\ncalls = "http"\n' + BOTH.replace(
        "[services.b]", 'calls = "127.0.0.1:9000"\n[services.b]\ncalls = "127.0.0.1:9001"'
    )
    assert told(placed(text, SHOP)) == {
        "sales.edge calls sales.write: in-process",
        "sales.write calls billing.write: http",
        "sales.write events billing.write: nats, the missed read over http",
        "sales.write events billing.read: nats, the missed read over http",
        "billing.write events billing.read: in-process",
    }


def test_without_events_of_a_broker_followers_ask() -> None:
    assert "sales.write events billing.read: nats" in told(placed('[channels]\ncalls = "nats://h:1"\n' + BOTH, SHOP))


# --- moving ----------------------------------------------------------------------------------------------------------


def moved(before: str, after: str) -> list[PlacementChange]:
    """What is different for the learning platform."""
    return list(changes_between(planned(before), planned(after), shapes()))


def test_moving_apart_says_what_moves_and_what_becomes_remote() -> None:
    changes = moved("monolith", "pairs-nats")
    assert PlacementChange("service", "platform", "runs", "is gone") in changes
    assert PlacementChange("service", "school", "is not there", "runs") in changes
    assert PlacementChange("component", "billing.write", "platform", "office") in changes
    assert PlacementChange("events", "enrollment.write → learning.write", "in-process", "nats") in changes
    assert PlacementChange("channel", "calls", "none", "nats://127.0.0.1:4222 (msgpack)") in changes
    assert not any(change.what == "enrollment.write → billing.write" for change in changes)


def test_moving_together_is_the_same_the_other_way_round() -> None:
    def turned(changes: list[PlacementChange]) -> set[tuple[str, str, str, str]]:
        return {(about, what, after, before) for about, what, before, after in changes if about != "service"}

    there, back = moved("four-http", "pairs-nats"), moved("pairs-nats", "four-http")
    assert {change for change in map(tuple, back) if change[0] != "service"} == turned(there)
    assert PlacementChange("calls", "enrollment.write → billing.write", "http", "in-process") in there


def test_nothing_is_different_from_itself() -> None:
    assert moved("replicas-http", "replicas-http") == []


def test_what_a_service_has_otherwise_is_told() -> None:
    old = placed(ALL.replace("8000", "8080") + "replicas = 2", SHOP)
    assert set(changes_between(old, placed(ALL, SHOP), SHOP)) == {
        PlacementChange("service", "all http", "127.0.0.1:8080", "127.0.0.1:8000"),
        PlacementChange("service", "all replicas", "2", "1"),
    }


def test_no_topology_of_the_platform_leaves_data_behind() -> None:
    names = sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert [name for name in names if check_stores_stay(planned("monolith"), planned(name))] == []


def test_another_place_for_a_store_is_no_edit_of_the_topology() -> None:
    (finding,) = check_stores_stay(placed(ALL, SHOP), placed('[stores]\nsales = "sqlite:other.db"\n' + ALL, SHOP))
    assert (finding.code, finding.where) == ("topology.store-moved", "shop.toml [stores] sales")
    assert "/srv/shop/other.db" in finding.what
    assert 'sales = "sqlite:/srv/shop/data/sales.db"' in finding.next
    same = placed('[stores]\nsales = "sqlite:../shop/data/{context}.db"\n' + ALL, SHOP)
    assert check_stores_stay(placed(ALL, SHOP), same) == []


@pytest.mark.parametrize("moved", ["postgresql://h/other", "postgresql://other/d", "postgresql://h/d?schema=s"])
def test_another_database_or_schema_is_none_either_and_shows_no_password(moved: str) -> None:
    stayed = '[stores]\nsales = "postgresql://u:hush@h/d"\n' + ALL
    again = stayed.replace("u:hush@", "administrator:secret@")
    (finding,) = check_stores_stay(placed(stayed, SHOP), placed(stayed.replace("postgresql://u:hush@h/d", moved), SHOP))
    assert (finding.code, finding.where) == ("topology.store-moved", "shop.toml [stores] sales")
    assert "hush" not in str(finding)
    assert check_stores_stay(placed(stayed, SHOP), placed(again, SHOP)) == []


def test_another_system_is_no_move() -> None:
    other = replace(parsed(ALL), system="office:office")
    assert [finding.code for finding in check_stores_stay(placed(ALL, SHOP), place(other, SHOP))] == [
        "topology.other-system"
    ]


# --- pictures --------------------------------------------------------------------------------------------------------

NAMES = ["monolith", "four-nats", "pairs-http", "apart-nats", "edges-http", "replicas-nats"]


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_shows_every_service_store_and_channel(name: str) -> None:
    placement = planned(name)
    root = ET.fromstring(picture_of(placement, flows_of(placement, shapes())))
    texts = [text for text in root.itertext() if text.strip()]
    for run in placement.services.values():
        assert run.title in texts
        assert {f"{context}: {' · '.join(run.parts(context))}" for context in run.runs} <= set(texts)
    assert {f"sqlite:data/{context}.db" for context in shapes()} <= set(texts)
    shown = [text for text in texts if text.startswith("calls  ")]
    assert len(shown) == (placement.topology.calls is not None)
    assert not any("hush" in text for text in texts)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_picture_overlaps_or_leaves_it(name: str) -> None:
    placement = planned(name)
    root = ET.fromstring(picture_of(placement, flows_of(placement, shapes())))
    frames = [
        [float(each.get(key, "0")) for key in ("x", "y", "width", "height")]
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
        if each.get("class")
    ]
    assert len(frames) == len(placement.services) + len(placement.opened)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    assert all(x >= 0 and y >= 0 and x + w <= width and y + h <= height for x, y, w, h in frames)
    for (x, y, w, h), (other_x, other_y, other_w, other_h) in combinations(frames, 2):
        assert x + w <= other_x or other_x + other_w <= x or y + h <= other_y or other_y + other_h <= y


def test_a_row_of_few_boxes_is_as_wide_as_one_of_many() -> None:
    """Nothing beside it stays empty."""
    placement = planned("pairs-http")
    root = ET.fromstring(picture_of(placement, flows_of(placement, shapes())))
    rows = {
        kind: [
            (float(each.get("x", "0")), float(each.get("width", "0")))
            for each in root.iter("{http://www.w3.org/2000/svg}rect")
            if each.get("class") == kind
        ]
        for kind in ("service", "store")
    }
    assert len(rows["service"]) < len(rows["store"])
    inside = float(root.get("width", "0")) - 80
    for boxes in rows.values():
        (first, width), *_ = boxes
        assert first - 40 <= (inside + 40) / len(boxes) / 2, "at most half of a share is empty"
        assert {round(other - one) for (one, _), (other, _) in pairwise(boxes)} == {round((inside + 40) / len(boxes))}
        assert width < inside / len(boxes) + 1


@pytest.mark.parametrize("name", NAMES)
def test_a_flowchart_names_only_what_it_has_declared(name: str) -> None:
    placement = planned(name)
    lines = mermaid_of(placement, flows_of(placement, shapes())).splitlines()
    assert lines[0] == "flowchart LR"
    nodes = {line.strip().partition("[")[0] for line in lines if "[" in line and not line.startswith("  subgraph")}
    ends = [line.split() for line in lines if "-->" in line or "-.->" in line or "---" in line]
    assert ends
    assert {end for words in ends for end in (words[0], words[-1])} <= nodes
    assert "hush" not in "".join(lines)
    stores = {context: placement.topology.store_of(context).shown.partition(":")[0] for context in placement.opened}
    assert {f'[("{context}<br/>{name}")]' for context, name in stores.items()} == {
        line.strip()[line.strip().index("[") :] for line in lines if "[(" in line
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_has_an_arrow_or_a_line_for_all_that_flows_between_contexts(name: str) -> None:
    placement = planned(name)
    flows = flows_of(placement, shapes())
    root = ET.fromstring(picture_of(placement, flows))
    texts = {text.removeprefix("inside: ") for text in root.itertext()}
    between = [flow for flow in flows if flow.source.context != flow.target.context]
    assert between
    for flow in between:
        one, other = flow.source.context, flow.target.context
        assert (f"{one} calls {other}" if flow.kind == "calls" else f"{other} follows {one}") in texts
    elsewhere = {(flow.kind, flow.sender, flow.receiver) for flow in flows if flow.sender != flow.receiver}
    arrows = [path for path in root.iter("{http://www.w3.org/2000/svg}path") if path.get("marker-end")]
    assert len(arrows) >= len(elsewhere) + 2, "two stand in the legend"


def test_a_picture_explains_its_lines_and_has_a_dark_variant() -> None:
    drawn = picture_of(planned("four-http"), ())
    assert "calls: the caller waits for the answer" in drawn
    assert "prefers-color-scheme:dark" in drawn
    assert "var(" not in drawn, "programs that make bitmaps know no variables"


def test_a_name_in_a_picture_cannot_be_markup() -> None:
    placement = place(replace(parsed(ALL), system="<script>&"), SHOP)
    assert "<script>&" in "".join(ET.fromstring(picture_of(placement, ())).itertext())
