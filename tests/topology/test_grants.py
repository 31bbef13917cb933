"""What each service may do follows from what it runs, what its contexts may use, and what they follow."""

from __future__ import annotations

import msgspec

from remit.messages.component import Component
from remit.topology.grants import READING, grants_of, grants_text, usage_of
from remit.transports import OUTSIDE, Grant
from tests.topology.files import placed

APART = """
[channels]
calls = "http"
[services.web]
runs = ["*.edge"]
http = "127.0.0.1:8000"
[services.front]
runs = ["sales"]
calls = "127.0.0.1:9001"
[services.back]
runs = ["billing"]
calls = "127.0.0.1:9002"
""".replace('runs = ["sales"]', 'runs = ["sales.write", "sales.read"]')


def usable(upstream: str, downstream: str) -> list[str]:
    """Sales may use two messages of billing, and billing nothing of sales."""
    own = ["*"] if upstream == downstream else []
    return ["Zählen", "Owed"] if (upstream, downstream) == ("billing", "sales") else own


def grants() -> dict[str, Grant]:
    follows = {Component("billing", "write"): {"sales"}, Component("sales", "write"): {"stock"}}
    return grants_of(placed(APART), usable, follows)


def test_a_context_is_spoken_for_by_the_service_that_runs_its_handlers() -> None:
    assert {name: set(grant.speaks) for name, grant in grants().items()} == {
        "web": {OUTSIDE}, "front": {"sales"}, "back": {"billing"}, OUTSIDE: {OUTSIDE},
    }  # fmt: skip


def test_a_context_may_call_its_own_components_and_what_it_may_use() -> None:
    assert grants()["front"].speaks["sales"] == {
        "billing.read": ["Z%C3%A4hlen", "Owed"], "billing.write": ["Z%C3%A4hlen", "Owed"],
        "sales.read": ["*"], "sales.write": ["*"],
    }  # fmt: skip


def test_a_log_is_read_by_those_who_follow_it_and_are_related() -> None:
    """Commands for later are in the log of the context that uses another one."""
    assert grants()["back"].speaks["billing"]["sales.log"] == READING
    assert "stock.log" not in grants()["front"].speaks["sales"]
    for name in ("web", OUTSIDE):
        logs = [list(subjects) for each, subjects in grants()[name].speaks[OUTSIDE].items() if each.endswith(".log")]
        assert logs == [["reach"], ["reach"]], "a fresh answer asks how far all are"


def test_a_log_is_read_only_by_the_service_that_runs_the_subscription() -> None:
    apart = (
        APART.replace('"billing"]', '"billing.write"]')
        + """
[services.views]
runs = ["billing.read"]
calls = "127.0.0.1:9003"
"""
    )
    found = grants_of(placed(apart), lambda _upstream, _downstream: ["*"], {Component("billing", "read"): {"sales"}})
    assert "sales.log" in found["views"].speaks["billing"]
    assert "sales.log" not in found["back"].speaks["billing"]


def test_an_edge_calls_what_its_context_owns_or_may_use() -> None:
    called = grants()["web"].speaks[OUTSIDE]
    assert (called["sales.write"], called["billing.write"]) == (["*"], ["Owed", "Z%C3%A4hlen"])


def test_the_file_says_the_same_and_what_each_context_may_use() -> None:
    read = msgspec.json.decode(grants_text(grants()), type=dict[str, Grant])
    assert grants_text(read) == grants_text(grants())
    used = usage_of(read)
    assert used["sales"]["billing"] == ["Zählen", "Owed"], "names of messages, as the map has them"
    assert "sales" not in used["billing"]
