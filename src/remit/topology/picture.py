"""A placement as a picture in SVG: what travels above, services below it, their stores at the bottom, and a legend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from statistics import mean

from remit.topology.flows import IN_PROCESS, SHARED_STORE, Flow
from remit.topology.keys import is_keyed
from remit.topology.placement import PlacedService, Placement

_GAP = 40
"""The margin, and the gap between two boxes of a row, in pixels."""
_LINE = 20
_LETTER = 7.4
"""Width of a letter, generously."""
_ROW = 30
"""Height of an arrow with its label above it."""

_LIGHT = {
    "paper": "#fff", "ink": "#0f172a", "line": "#64748b", "faint": "#cbd5e1", "flow": "#4f46e5",
}  # fmt: skip
_DARK = {
    "paper": "#0f172a", "ink": "#e2e8f0", "line": "#94a3b8", "faint": "#334155", "flow": "#a5b4fc",
}  # fmt: skip
_RULES = """text{font:13px system-ui,'DejaVu Sans',sans-serif;fill:var(--ink)}
text{paint-order:stroke;stroke:var(--paper);stroke-width:4px}
.name{font-weight:600} rect{fill:var(--paper);stroke:var(--line)} #paper{stroke:none}
path{fill:none;stroke:var(--line);stroke-width:1.5} .life{stroke:var(--faint);stroke-width:1}
.flow{stroke:var(--flow)} .events,.reads{stroke-dasharray:5 4} .tip{fill:var(--flow);stroke:none}"""

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="{w:g}" height="{h:g}" viewBox="0 0 {w:g} {h:g}">
<style>{style}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">
<path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>
<rect id="paper" width="100%" height="100%"/>"""

_LEGEND = (
    ('class="flow calls" marker-end="url(#tip)"', "calls: the caller waits for the answer"),
    ('class="flow events" marker-end="url(#tip)"', "events: from the context to its follower"),
    ('class="store"', "writes to the store"),
    ('class="store reads"', "only reads the store"),
)


@dataclass(frozen=True)
class _Box:
    """A service or a store: where its box is, and its text. The first line is its name."""

    x: float
    y: float
    width: float
    lines: Sequence[str]

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + _LINE * len(self.lines) + 14


@dataclass(frozen=True)
class _Arrow:
    """All flows of one kind from one service to another, over one channel."""

    kind: str
    sender: str
    receiver: str
    label: str


@dataclass(frozen=True)
class _Band:
    """A channel, or the stores that services share, with the arrows of what travels there."""

    title: str
    arrows: Sequence[_Arrow]

    @property
    def height(self) -> float:
        return _LINE + _ROW * len(self.arrows) + 18


def themed(rules: str, light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """Rules of CSS with literal colours in place of `var(--name)`, for a light page and for a dark one. Programs that
    make bitmaps of SVG know no variables."""

    def with_colours(colours: Mapping[str, str]) -> str:
        return re.sub(r"var\(--([a-z-]+)\)", lambda found: colours[found[1]], rules)

    return f"{with_colours(light)}\n@media(prefers-color-scheme:dark){{{with_colours(dark)}}}"


def picture_of(placement: Placement, flows: Sequence[Flow]) -> str:
    """The SVG document. It follows the reader's preference for a light or a dark page."""
    services = {name: _lines_of(name, placed, flows) for name, placed in placement.services.items()}
    stores = {context: [context, _place(placement, context)] for context in _opened(placement)}
    bands = list(_bands(placement, flows))
    labels = max((len(arrow.label) for band in bands for arrow in band.arrows), default=0)
    width, small = max(_width_of(services), (labels + 4) * _LETTER - _GAP), _width_of(stores)
    title = f"{placement.topology.system}  ·  {Path(placement.topology.where).name}"
    rows = (len(services) * (width + _GAP) - _GAP, len(stores) * (small + _GAP) - _GAP)
    across = max(480.0, len(title) * 1.2 * _LETTER, *rows)
    above = _row(services, 2 * _GAP + sum(band.height for band in bands), width, across)
    below = _row(stores, max(box.bottom for box in above.values()) + 2 * _GAP, small, across)
    bottom = max(box.bottom for box in [*above.values(), *below.values()])
    drawn = [
        _HEAD.format(
            style=themed(_RULES, _LIGHT, _DARK), w=across + 2 * _GAP, h=bottom + _GAP + _LINE * len(_LEGEND) + _GAP
        ),
        _text(_GAP, _GAP, title, "name"),
        *_drawn_bands(bands, above),
        *_openings(placement, above, below),
        *(each for box in above.values() for each in _drawn(box, "service")),
        *(each for box in below.values() for each in _drawn(box, "store")),
        *_legend(bottom + _GAP),
    ]
    return "\n".join([*drawn, "</svg>"]) + "\n"


# ── what is drawn ───────────────────────────────────────────────────────────────────────────────────────────────────


def _opened(placement: Placement) -> list[str]:
    """The contexts whose stores are opened, in the order of the services that open them, to avoid crossing lines."""
    by = {
        context: [number for number, placed in enumerate(placement.services.values()) if context in placed.stores]
        for context in placement.opened
    }
    return sorted(by, key=lambda context: mean(by[context]))


def _lines_of(name: str, placed: PlacedService, flows: Sequence[Flow]) -> list[str]:
    """The text of a service: addresses, what it runs, and what its contexts do with one another inside of it."""
    listens = {"http": placed.service.http, "calls": placed.service.calls}
    here = [flow for flow in flows if flow.way == IN_PROCESS and flow.sender == name]
    inside = [flow for flow in here if flow.source.context != flow.target.context]
    return [
        placed.title,
        *(f"{kind} {placed.ports(first)}" for kind, first in listens.items() if first is not None),
        *(f"{context}: {' · '.join(placed.parts(context))}" for context in placed.runs),
        *(f"inside: {label}" for label in _labels(inside)),
    ]


def _labels(flows: Iterable[Flow]) -> list[str]:
    """What flows mean, each once: `sales calls billing`, `billing follows sales`. Within a context, components are
    named: `sales.edge calls sales.read`."""
    return list(dict.fromkeys(map(_label, flows)))


def _label(flow: Flow) -> str:
    one, other = str(flow.source), str(flow.target)
    if flow.source.context != flow.target.context:
        one, other = flow.source.context, flow.target.context
    return f"{one} calls {other}" if flow.kind == "calls" else f"{other} follows {one}"


def _place(placement: Placement, context: str) -> str:
    """The place of a store, relative to the folder of the topology if it is below it."""
    return placement.topology.store_of(context).below(Path(placement.topology.where).absolute().parent)


def _bands(placement: Placement, flows: Sequence[Flow]) -> Iterator[_Band]:
    """Each channel, and what travels over it. Without a channel for events, these are read over the one for calls."""
    channels = placement.topology.channels
    for name, channel in channels.items():
        title = f"{name}  {channel.place}  ·  {channel.codec}" + (
            "  ·  proved by keys" if name == "calls" and is_keyed(placement.topology) else ""
        )
        carried = [
            flow for flow in flows if flow.is_remote and (flow.kind if flow.kind in channels else "calls") == name
        ]
        yield _Band(title, list(_arrows(carried)))
    shared = [flow for flow in flows if flow.way == SHARED_STORE]
    if shared:
        yield _Band("shared stores: the follower reads the log of the context itself", list(_arrows(shared)))


def _arrows(flows: Sequence[Flow]) -> Iterator[_Arrow]:
    ordered = sorted(flows, key=lambda flow: (flow.kind, flow.sender, flow.receiver))
    for (kind, sender, receiver), some in groupby(ordered, lambda flow: (flow.kind, flow.sender, flow.receiver)):
        for label in _labels(some):
            yield _Arrow(kind, sender, receiver, label)


# ── how it is drawn ─────────────────────────────────────────────────────────────────────────────────────────────────


def _row(told: Mapping[str, Sequence[str]], y: float, width: float, across: float) -> dict[str, _Box]:
    """Boxes side by side, each in the middle of an equal share of the width: a row of few boxes is as wide as one of
    many, so that nothing beside it stays empty, and lines to the other row are short."""
    share = (across + _GAP) / max(len(told), 1)
    x = _GAP + (share - _GAP - width) / 2
    return {name: _Box(x + share * n, y, width, lines) for n, (name, lines) in enumerate(told.items())}


def _width_of(told: Mapping[str, Sequence[str]]) -> float:
    """The width of the boxes of a row, by their longest line."""
    return (max((len(line) for lines in told.values() for line in lines), default=0) + 4) * _LETTER


def _drawn_bands(bands: Sequence[_Band], services: Mapping[str, _Box]) -> Iterator[str]:
    """Arrows between the lines that go up from the services; each label stands above its arrow."""
    y = 2.0 * _GAP
    used = {name for band in bands for arrow in band.arrows for name in (arrow.sender, arrow.receiver)}
    for name in services:
        if name in used:
            yield f'<path class="life" d="M{services[name].middle:g} {y:g}V{services[name].y:g}"/>'
    for band in bands:
        yield _text(_GAP, y - 8, band.title)
        y += _LINE
        for arrow in band.arrows:
            yield from _drawn_arrow(arrow, y + _ROW - 10, services)
            y += _ROW
        y += 18


def _drawn_arrow(arrow: _Arrow, y: float, services: Mapping[str, _Box]) -> Iterator[str]:
    start, end = services[arrow.sender].middle, services[arrow.receiver].middle
    yield f'<path class="flow {arrow.kind}" d="M{start:g} {y:g}H{end:g}" marker-end="url(#tip)"/>'
    yield _text(min(start, end) + 10, y - 6, arrow.label)


def _openings(placement: Placement, services: Mapping[str, _Box], stores: Mapping[str, _Box]) -> Iterator[str]:
    """A solid line from a service to each store to which it writes, a dashed one to a store that it only reads."""
    for name, placed in placement.services.items():
        box = services[name]
        for context in placed.stores:
            kind = "store" if placed.has(context, "write") or placed.has(context, "acl") else "store reads"
            end = f"{stores[context].middle:g} {stores[context].y:g}"
            yield f'<path class="{kind}" d="M{box.middle:g} {box.bottom:g}L{end}"/>'


def _drawn(box: _Box, kind: str) -> Iterator[str]:
    size = f'width="{box.width:g}" height="{box.bottom - box.y:g}"'
    yield f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" {size} rx="{8 if kind == "service" else 20}"/>'
    for number, line in enumerate(box.lines):
        yield _text(box.x + 2 * _LETTER, box.y + _LINE * (number + 1), line, "told" if number else "name")


def _legend(y: float) -> Iterator[str]:
    for number, (stroke, text) in enumerate(_LEGEND):
        line = y + _LINE * number
        yield f'<path {stroke} d="M{_GAP} {line:g}h44"/>'
        yield _text(_GAP + 60, line + 4, text)


def _text(x: float, y: float, text: str, kind: str = "told") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'
