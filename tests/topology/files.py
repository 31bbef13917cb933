"""Topology files as tests write them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from remit.errors import ModelError
from remit.topology.file import Topology, parse_topology
from remit.topology.placement import ContextShape, Placement, place

SYSTEM = 'system = "shop:shop"\n'
FOLDER = Path("/srv/shop")
SHOP: Mapping[str, ContextShape | None] = {
    "sales": ContextShape(),
    "billing": ContextShape(frozenset({"write", "read"})),
}
"""Two contexts; billing has no routes."""


def parsed(text: str, *, whole: bool = True, **environment: str) -> Topology:
    """The topology in a text, its first line left out."""
    return parse_topology(SYSTEM + text, "shop.toml", FOLDER, environment, whole=whole)


def placed(text: str, contexts: Mapping[str, ContextShape | None] = SHOP) -> Placement:
    """The topology in a text, put on contexts."""
    return place(parsed(text), contexts)


def refused(text: str, contexts: Mapping[str, ContextShape | None] = SHOP) -> dict[str, str]:
    """Every finding, as text, by its code; of several with one code the first."""
    with pytest.raises(ModelError) as raised:
        placed(text, contexts)
    findings: dict[str, str] = {}
    for finding in raised.value.findings:
        findings.setdefault(finding.code, str(finding))
    return findings


def only(text: str, code: str, contexts: Mapping[str, ContextShape | None] = SHOP) -> str:
    """The one finding, which has this code."""
    findings = refused(text, contexts)
    assert list(findings) == [code], findings
    return findings[code]
