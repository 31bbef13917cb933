"""The drawn map: nothing overlaps, nothing is lost, every text is escaped, and the same map gives the same bytes."""

import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from learning.system import platform
from remit.contexts import CustomerSupplier, OpenHost, Partnership, Relation, SeparateWays
from remit.registry.declared import registry_of
from remit.registry.entries import Consumed, Entry, Registry
from remit.registry.layout import MapError
from remit.registry.links import links_of, open_hosts_in
from remit.registry.picture import map_picture
from tests.registry.drawings import Drawing
from tests.registry.generated import generated

EVENT = Consumed("sales", "sales.OrderPlaced", "event")
CALL = Consumed("billing", "billing.Charge", "call")
SALES = Entry("sales", "core", "team-sales", consumes=(CALL,))
BILLING = Entry("billing", "supporting", "team-billing", consumes=(EVENT,))
STATED = (CustomerSupplier(supplier="billing", customer="sales"), OpenHost("sales"))


def registry(*entries: Entry, relations: tuple[Relation, ...] = ()) -> Registry:
    return Registry("shop", entries, links_of(entries, relations), open_hosts_in(relations))


@pytest.mark.parametrize("count", [1, 2, 4, 12, 30, 60])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_boxes_and_labels_are_apart_and_inside_of_the_picture(count: int, seed: int) -> None:
    for messages in (False, True):
        drawing = Drawing(map_picture(generated(count, seed), messages=messages))
        assert len(drawing.contexts) == len(generated(count, seed).contexts)
        assert drawing.overlaps() == []
        assert drawing.texts_outside() == []


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_no_line_runs_through_a_context_or_a_label_that_is_not_its_own(seed: int) -> None:
    assert Drawing(map_picture(generated(60, seed))).crossings() == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_map_of_sixty_contexts_is_not_a_ribbon(seed: int) -> None:
    drawing = Drawing(map_picture(generated(60, seed)))
    assert 0.4 < drawing.width / drawing.height < 2.5


def test_the_same_map_gives_the_same_bytes() -> None:
    assert map_picture(generated(30)) == map_picture(generated(30))


def test_roles_stand_on_the_lines_and_owner_and_subdomain_in_the_boxes() -> None:
    texts = Drawing(map_picture(registry(SALES, BILLING, relations=STATED))).texts
    assert {"sales", "team-sales", "core · open host", "billing", "team-billing", "supporting"} <= {*texts}
    roles = " ".join(texts)
    assert "U,S" in roles
    assert "U,OHS,PL" in roles


def test_calls_point_to_who_answers_and_events_to_who_follows() -> None:
    drawing = Drawing(map_picture(registry(SALES, BILLING, relations=STATED)))
    calls, events = drawing.lines("call"), drawing.lines("event")
    assert [each.get("marker-start") for each in calls if each.get("marker-start")] == ["url(#call)"]
    assert [each.get("marker-end") for each in events if each.get("marker-end")] == ["url(#event)"]
    assert not any(each.get("marker-end") for each in calls)  # the line begins at the supplier, which answers
    legend = [text for text in drawing.texts if text.startswith(("call:", "event:"))]
    assert len(legend) == 2


def test_tooltips_name_every_message() -> None:
    told = Drawing(map_picture(registry(SALES, BILLING, relations=STATED))).tooltips
    assert "billing U,S → D,C sales\nsales calls billing.Charge" in told
    assert "sales U,OHS,PL → D billing\nbilling follows sales.OrderPlaced" in told


def test_names_of_messages_stand_on_the_lines_if_they_are_wanted() -> None:
    drawn = registry(SALES, BILLING, relations=STATED)
    assert "OrderPlaced" in Drawing(map_picture(drawn, messages=True)).texts
    assert "OrderPlaced" not in Drawing(map_picture(drawn)).texts


def test_a_symmetric_relation_is_one_line_with_its_name() -> None:
    drawing = Drawing(map_picture(registry(SALES, BILLING, relations=(Partnership("sales", "billing"),))))
    assert [label.what for label in drawing.labels] == ["Partnership"]


def test_separate_ways_are_listed_and_not_drawn() -> None:
    apart = registry(Entry("sales"), Entry("billing"), relations=(SeparateWays("sales", "billing"),))
    drawing = Drawing(map_picture(apart))
    assert drawing.labels == []
    assert "separate ways: sales and billing do not integrate" in drawing.texts


def test_contexts_of_which_little_is_known_are_drawn_too() -> None:
    assert Drawing(map_picture(registry())).contexts == []
    (box,) = Drawing(map_picture(registry(Entry("sales")))).contexts
    assert box.what == "sales"


def test_every_text_is_escaped() -> None:
    nasty = """<script>"&'</script>"""
    other = Entry("other", "core", nasty, consumes=(Consumed(nasty, nasty, "event"),))
    drawing = Drawing(map_picture(registry(Entry(nasty, nasty, nasty, nasty), other), messages=True))
    assert drawing.texts.count(nasty) >= 3
    assert not [each for each in drawing.root.iter() if each.tag.endswith("script")]


def test_wide_letters_fit_into_their_box() -> None:
    (box,) = Drawing(map_picture(registry(Entry("注文と請求の管理システム"), relations=()))).contexts
    assert box.width > 12 * 14


def test_a_picture_follows_the_light_or_dark_page_of_its_reader() -> None:
    drawn = map_picture(registry(SALES))
    style = ET.fromstring(drawn).find("{http://www.w3.org/2000/svg}style")
    assert style is not None
    assert "prefers-color-scheme:dark" in (style.text or "")
    assert "var(" not in (style.text or ""), "programs that make bitmaps know no variables"


def test_without_the_layout_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(MapError, match=r"remit\[map\]"):
        map_picture(registry(SALES, BILLING, relations=STATED))


def test_the_picture_on_the_page_shows_what_is_drawn_today() -> None:
    page = Path(__file__).parents[2] / "docs" / "pictures" / "learning-map.svg"
    shown, drawn = Drawing(page.read_text()), Drawing(map_picture(registry_of(platform.hosting().model())))
    assert sorted(shown.texts) == sorted(drawn.texts)
    assert sorted(shown.tooltips) == sorted(drawn.tooltips)


def test_names_with_characters_that_xml_lacks_give_a_picture_all_the_same() -> None:
    odd = Entry("sales", "core", "team\x00\x1b<\ud800\ufffe")
    assert "team\N{REPLACEMENT CHARACTER}" in "".join(ET.fromstring(map_picture(registry(odd))).itertext())
