"""A placement as a picture: SVG with channels at the top and services and stores below; or a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import mean

from remit.topology.file import ChannelPlace
from remit.topology.flows import IN_PROCESS, Flow
from remit.topology.placement import PlacedService, Placement

_GAP = 40
"""The margin, and the gap between two boxes of a row, in pixels."""
_LINE = 20
_LETTER = 7.4
"""The width of a letter in pixels, rounded up."""
_LANE = 46
"""The height of a channel in pixels."""

_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" width="{w:g}" height="{h:g}" viewBox="0 0 {w:g} {h:g}">
<style>text{{font:13px system-ui,'DejaVu Sans',sans-serif;paint-order:stroke;stroke:#fff;stroke-width:5px}}
.name{{font-weight:600}} rect{{fill:#fff;stroke:#64748b}}
path{{fill:none;stroke:#94a3b8;stroke-width:1.5}} .channel{{stroke:#4f46e5}} .reads{{stroke-dasharray:5 4}}</style>
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto-start-reverse">
<path d="M0 0L8 4L0 8z" style="fill:#4f46e5;stroke:none"/></marker></defs>
<rect width="100%" height="100%" style="stroke:none"/>"""


@dataclass(frozen=True)
class _Box:
    """The position of a service or a store, and its lines of text. The first line is its name."""

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


def picture_of(placement: Placement, flows: Sequence[Flow]) -> str:
    """The placement as an SVG document."""
    services = {name: _told(placed) for name, placed in placement.services.items()}
    stores = {context: [context, _place(placement, context)] for context in _opened(placement)}
    width = (max(len(line) for lines in [*services.values(), *stores.values()] for line in lines) + 4) * _LETTER
    title = f"{placement.topology.system}  ·  {Path(placement.topology.where).name}"
    across = max(480.0, len(title) * 1.2 * _LETTER, max(len(services), len(stores)) * (width + _GAP) - _GAP)
    channels = list(_channels(placement, flows))
    above = _row(services, 2 * _GAP + _LANE * len(channels) + _LINE, width, across)
    below = _row(stores, max(box.bottom for box in above.values()) + 2 * _GAP, width, across)
    bottom = max(box.bottom for box in [*above.values(), *below.values()])
    drawn = [
        _HEAD.format(w=across + 2 * _GAP, h=bottom + _GAP),
        _text(_GAP, _GAP, title, "name"),
        *(each for number, channel in enumerate(channels) for each in channel.drawn(number, above, across)),
        *_openings(placement, above, below),
        *(each for box in above.values() for each in _drawn(box, "service")),
        *(each for box in below.values() for each in _drawn(box, "store")),
    ]
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _opened(placement: Placement) -> list[str]:
    """The contexts whose stores are opened, in the order of the services that open them, to avoid crossing lines."""
    by = {
        context: [number for number, placed in enumerate(placement.services.values()) if context in placed.stores]
        for context in placement.opened
    }
    return sorted(by, key=lambda context: mean(by[context]))


def _told(placed: PlacedService) -> list[str]:
    listens = {"http": placed.service.http, "calls": placed.service.calls}
    return [
        placed.title,
        *(f"{name} {placed.ports(first)}" for name, first in listens.items() if first is not None),
        *(f"{context}: {' · '.join(placed.parts(context))}" for context in placed.runs),
    ]


def _place(placement: Placement, context: str) -> str:
    """The place of a store, relative to the folder of the topology if it is below it."""
    return placement.topology.store_of(context).below(Path(placement.topology.where).absolute().parent)


def _row(told: Mapping[str, Sequence[str]], y: float, width: float, across: float) -> dict[str, _Box]:
    """Boxes side by side, centred."""
    x = _GAP + (across - len(told) * (width + _GAP) + _GAP) / 2
    return {name: _Box(x + (width + _GAP) * n, y, width, lines) for n, (name, lines) in enumerate(told.items())}


@dataclass(frozen=True)
class _DrawnChannel:
    """A channel, and the pairs of services that send and receive over it."""

    name: str
    channel: ChannelPlace
    travels: frozenset[tuple[str, str]]

    def drawn(self, number: int, services: Mapping[str, _Box], across: float) -> Iterator[str]:
        y = 2 * _GAP + _LANE * number
        yield f'<path class="channel" d="M{_GAP} {y}h{across:g}"/>'
        for name, box in services.items():
            tips = ' marker-start="url(#tip)"' if any(name == sender for sender, _ in self.travels) else ""
            tips += ' marker-end="url(#tip)"' if any(name == receiver for _, receiver in self.travels) else ""
            if tips:
                yield f'<path class="channel" d="M{box.middle + 24 * number - 12:g} {y + 1}V{box.y - 2:g}"{tips}/>'
        told = f"{self.name}  {self.channel.place}  ·  {self.channel.codec}"
        yield _text(_GAP, y - 8, told + ("  ·  shared secret" if self.channel.secret else ""))


def _channels(placement: Placement, flows: Sequence[Flow]) -> Iterator[_DrawnChannel]:
    """The channels. Followers also use the channel for calls, to read logs of other services."""
    pulls = {(flow.receiver, flow.sender) for flow in flows if flow.pull}
    for name, channel in placement.topology.channels.items():
        travels = {(flow.sender, flow.receiver) for flow in flows if flow.is_remote and flow.kind == name}
        yield _DrawnChannel(name, channel, frozenset(travels | pulls if name == "calls" else travels))


def _openings(placement: Placement, services: Mapping[str, _Box], stores: Mapping[str, _Box]) -> Iterator[str]:
    """A solid line from a service to each store to which it writes, a dashed one to a store that it only reads."""
    for name, placed in placement.services.items():
        box = services[name]
        for context in placed.stores:
            kind = "" if placed.has(context, "write") else ' class="reads"'
            yield f'<path{kind} d="M{box.middle:g} {box.bottom:g}L{stores[context].middle:g} {stores[context].y:g}"/>'


def _drawn(box: _Box, kind: str) -> Iterator[str]:
    size = f'width="{box.width:g}" height="{box.bottom - box.y:g}"'
    yield f'<rect class="{kind}" x="{box.x:g}" y="{box.y:g}" {size} rx="{8 if kind == "service" else 20}"/>'
    for number, line in enumerate(box.lines):
        yield _text(box.x + 2 * _LETTER, box.y + _LINE * (number + 1), line, "told" if number else "name")


def _text(x: float, y: float, text: str, kind: str = "told") -> str:
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def mermaid_of(placement: Placement, flows: Sequence[Flow]) -> str:
    """The placement as a Mermaid flowchart."""
    return "\n".join(["flowchart LR", *_services(placement), *_stores(placement), *_lines(flows)]) + "\n"


def _services(placement: Placement) -> Iterator[str]:
    for name, placed in placement.services.items():
        yield f'  subgraph {_id("service", name)}["{placed.title}"]'
        for context in placed.runs:
            yield f'    {_node(name, context)}["{context}<br/>{" · ".join(placed.parts(context))}"]'
        yield "  end"


def _stores(placement: Placement) -> Iterator[str]:
    for context in placement.opened:
        technology = placement.topology.store_of(context).shown.partition(":")[0]
        yield f'  {_id("store", context)}[("{context}<br/>{technology}")]'
    for name, placed in placement.services.items():
        for context in placed.stores:
            yield f"  {_node(name, context)} --- {_id('store', context)}"


def _lines(flows: Sequence[Flow]) -> Iterator[str]:
    """One line for all flows with the same kind, boxes and way."""
    seen: set[tuple[str, str, str]] = set()
    for flow in flows:
        source = _node(flow.sender, flow.source.context)
        target = _node(flow.receiver, flow.target.context)
        label = flow.kind if flow.way == IN_PROCESS else f"{flow.kind}: {flow.way}"
        if source != target and (source, target, label) not in seen:
            seen.add((source, target, label))
            yield f'  {source} {"-->" if flow.kind == "calls" else "-.->"}|"{label}"| {target}'


def _node(service: str, context: str) -> str:
    return _id(service, "runs", context)


def _id(*words: str) -> str:
    """An id of letters, digits and underscores. Different words have different ids."""
    return "__".join(word.replace("_", "_0").replace("-", "_1") for word in words)
