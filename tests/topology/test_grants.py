"""What each service may do follows from what it runs, what its contexts may use, and what they follow."""

from __future__ import annotations

import msgspec
import pytest

from remit.messages.component import Component
from remit.topology.grants import READING, grants_of, grants_text, usage_of
from remit.transports import OUTSIDE, Grant
from remit.transports.grants import is_readable, readable
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
    follows = {
        Component("billing", "write"): {"sales": ["sales.Placed", "billing.*"]},
        Component("sales", "write"): {"stock": ["stock.Empty"]},
    }
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
    found = grants_of(
        placed(apart), lambda _upstream, _downstream: ["*"], {Component("billing", "read"): {"sales": ["sales.Placed"]}}
    )
    assert "sales.log" in found["views"].speaks["billing"]
    assert "sales.log" not in found["back"].speaks["billing"]
    assert (found["views"].reads, found["back"].reads) == (
        {"billing": {"sales.log": ["sales.Placed"]}},
        {"billing": {}},
    )


def test_a_service_reads_the_types_that_all_components_of_its_context_follow() -> None:
    """A fresh answer reads the logs for the components that run elsewhere too."""
    follows = {
        Component("billing", "read"): {"sales": ["sales.Placed"]},
        Component("billing", "write"): {"sales": ["billing.*"]},
    }
    found = grants_of(placed(APART), lambda _upstream, _downstream: ["*"], follows)
    assert found["back"].reads == {"billing": {"sales.log": ["billing.*", "sales.Placed"]}}
    assert (found["web"].reads, found[OUTSIDE].reads) == ({}, {})


@pytest.mark.parametrize(
    ("type", "types", "is_in"),
    [
        ("sales.Placed", ["sales.Placed"], True),
        ("sales.Placed", ["billing.*", "sales.Paid"], False),
        ("billing.Charge", ["billing.*"], True),
        ("billing.*", ["billing.*"], True),
        ("billing.*", ["billing.Charge"], False),
        ("", ["billing.*"], False),
    ],
)
def test_a_type_is_readable_by_its_name_or_by_the_context_that_it_is_for(
    type: str, types: list[str], is_in: bool
) -> None:
    assert is_readable(type, types) == is_in


def test_grants_of_an_older_release_let_every_type_be_read() -> None:
    old = msgspec.json.decode(b'{"speaks": {"billing": {"sales.log": ["read"]}}}', type=Grant)
    assert readable(old, "billing", "sales.log") is None
    new = grants()["back"]
    assert readable(new, "billing", "sales.log") == ["billing.*", "sales.Placed"]
    assert readable(new, "sales", "sales.log") == readable(new, "billing", "stock.log") == ()


def test_an_edge_calls_what_its_context_owns_or_may_use() -> None:
    called = grants()["web"].speaks[OUTSIDE]
    assert (called["sales.write"], called["billing.write"]) == (["*"], ["Owed", "Z%C3%A4hlen"])


def test_the_file_says_the_same_and_what_each_context_may_use() -> None:
    read = msgspec.json.decode(grants_text(grants()), type=dict[str, Grant])
    assert grants_text(read) == grants_text(grants())
    used = usage_of(read)
    assert used["sales"]["billing"] == ["Zählen", "Owed"], "names of messages, as the map has them"
    assert "sales" not in used["billing"]
