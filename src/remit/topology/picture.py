"""A placement as a picture (SVG): channels above, services with what they run, the stores they open below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from remit.topology.file import Channel
from remit.topology.flows import Flow
from remit.topology.placement import COMPONENTS, Component, PlacedService, Placement

__all__ = ["picture_of"]

_MARGIN = 36
_GAP = 40
_TITLE_HEIGHT = 76
_CHANNEL_HEIGHT = 46
_HEAD_HEIGHT = 34
_LINE_HEIGHT = 18
_ROW_HEIGHT = 30
_CHIP_WIDTH = 46
_STORE_HEIGHT = 74
_STORE_GAP = 84
_WORD = 7.4
"""Width of a letter of 13 px, generously."""

_INK, _SOFT, _LINE, _PAPER = "#1f2937", "#6b7280", "#cbd5e1", "#ffffff"
_CHIPS: Mapping[Component, tuple[str, str]] = {
    "write": ("#fde7d3", "#9a4a10"),
    "read": ("#dbeafe", "#1d4ed8"),
    "edge": ("#dcfce7", "#166534"),
}
_COLOURS = {"events": "#b45309", "calls": "#4f46e5"}
_STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:13px;"
    f"fill:{_INK}}} .title{{font-size:18px;font-weight:600}} .name{{font-weight:600}} .soft{{fill:{_SOFT};"
    "font-size:12px} .chip{font-size:11px;font-weight:600;text-anchor:middle} .mid{text-anchor:middle} "
    f".halo{{paint-order:stroke;stroke:{_PAPER};stroke-width:6px;stroke-linejoin:round}}"
)


@dataclass(frozen=True)
class _Box:
    """Where a service or a store is drawn."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass(frozen=True)
class _Lane:
    """A channel that something travels over: its line, and which services send and receive."""

    name: str
    channel: Channel
    y: float
    senders: frozenset[str]
    receivers: frozenset[str]


def picture_of(placement: Placement, flows: Sequence[Flow]) -> str:
    """The SVG document."""
    lanes = list(_lanes(placement, flows))
    top = _TITLE_HEIGHT + _CHANNEL_HEIGHT * len(lanes) + (_GAP if lanes else 0)
    boxes = _service_boxes(placement, top)
    bottom = max((box.y + box.height for box in boxes.values()), default=top)
    stores = _store_boxes(placement, boxes, bottom + _STORE_GAP)
    right = max(box.x + box.width for box in [*boxes.values(), *stores.values(), _Box(0, 0, 480, 0)])
    width, height = right + _MARGIN, bottom + _STORE_GAP + _STORE_HEIGHT + _MARGIN
    body = [
        *_title(placement),
        *(each for lane in lanes for each in _lane(lane, lanes, boxes, right)),
        *(each for lane in lanes for each in _label(lane)),
        *_store_lines(placement, boxes, stores),
        *(each for name, box in boxes.items() for each in _service(placement.services[name], box)),
        *(each for context, box in stores.items() for each in _store(placement, context, box)),
    ]
    return "\n".join([*_head(width, height), *body, "</svg>"]) + "\n"


def _head(width: float, height: float) -> Iterator[str]:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    yield f"<style>{_STYLE}</style>"
    yield "<defs>"
    for name, colour in _COLOURS.items():
        yield (
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            f'markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0L8 4L0 8z" fill="{colour}"/>'
            "</marker>"
        )
    yield "</defs>"
    yield f'<rect width="100%" height="100%" fill="{_PAPER}"/>'


def _title(placement: Placement) -> Iterator[str]:
    yield _text(_MARGIN, _MARGIN, placement.topology.system, "title")
    yield _text(_MARGIN, _MARGIN + 18, Path(placement.topology.where).name, "soft")


def _text(x: float, y: float, text: str, css: str = "", fill: str = "") -> str:
    kind = (f' class="{css}"' if css else "") + (f' style="fill:{fill}"' if fill else "")
    return f'<text x="{x:g}" y="{y:g}"{kind}>{escape(text)}</text>'


# --- channels --------------------------------------------------------------------------------------------------------


def _lanes(placement: Placement, flows: Sequence[Flow]) -> Iterator[_Lane]:
    """A lane for each channel; calls also carry what followers read of logs elsewhere."""
    over = {"events": placement.topology.events, "calls": placement.topology.calls}
    y = float(_TITLE_HEIGHT + 24)
    for name, channel in over.items():
        if channel is None:
            continue
        travels = [flow for flow in flows if flow.is_remote and flow.kind == name]
        if name == "calls":
            asks = [(flow.sender, flow.receiver) for flow in travels]
            asks += [(flow.receiver, flow.sender) for flow in flows if flow.pull]
        else:
            asks = [(flow.sender, flow.receiver) for flow in travels]
        senders, receivers = frozenset(s for s, _ in asks), frozenset(r for _, r in asks)
        yield _Lane(name, channel, y, senders, receivers)
        y += _CHANNEL_HEIGHT


def _lane(lane: _Lane, lanes: Sequence[_Lane], boxes: Mapping[str, _Box], right: float) -> Iterator[str]:
    colour = _COLOURS[lane.name]
    yield (
        f'<line x1="{_MARGIN}" y1="{lane.y:g}" x2="{right:g}" y2="{lane.y:g}" stroke="{colour}" stroke-width="3" '
        'stroke-linecap="round"/>'
    )
    shift = 28 * (lanes.index(lane) - (len(lanes) - 1) / 2)
    for name, box in boxes.items():
        sends, receives = name in lane.senders, name in lane.receivers
        if sends or receives:
            arrows = f' marker-start="url(#{lane.name})"' if sends else ""
            arrows += f' marker-end="url(#{lane.name})"' if receives else ""
            x = box.middle + shift
            yield (
                f'<line x1="{x:g}" y1="{lane.y + 2:g}" x2="{x:g}" y2="{box.y - 2:g}" stroke="{colour}" '
                f'stroke-width="1.5"{arrows}/>'
            )


def _label(lane: _Lane) -> Iterator[str]:
    """Over the lines that cross it."""
    told = f"{lane.channel.place}  ·  {lane.channel.codec}" + ("  ·  shared secret" if lane.channel.secret else "")
    yield _text(_MARGIN, lane.y - 9, lane.name, "name halo", _COLOURS[lane.name])
    yield _text(_MARGIN + 58, lane.y - 9, told, "soft halo")


# --- services --------------------------------------------------------------------------------------------------------


def _service_boxes(placement: Placement, top: float) -> dict[str, _Box]:
    """Side by side, equally high, and centred where the row of stores is longer."""
    boxes: dict[str, _Box] = {}
    opened = dict.fromkeys(context for placed in placement.services.values() for context in placed.stores)
    stores = _row_width([_store_width(placement, context) for context in opened])
    services = _row_width([_service_width(placed) for placed in placement.services.values()])
    x = _MARGIN + max(0.0, (stores - services) / 2)
    height = max((_service_height(placed) for placed in placement.services.values()), default=0.0)
    for name, placed in placement.services.items():
        boxes[name] = _Box(x, top, _service_width(placed), height)
        x += boxes[name].width + _GAP
    return boxes


def _service_width(placed: PlacedService) -> float:
    rows = max((len(context) for context in placed.runs), default=0) * _WORD + 3 * _CHIP_WIDTH + 44
    head = (len(placed.service.name) + 5) * _WORD + 28
    lines = max((len(line) for line in _listens(placed)), default=0) * _WORD + 28
    return max(rows, head, lines)


def _service_height(placed: PlacedService) -> float:
    return _HEAD_HEIGHT + _LINE_HEIGHT * len(_listens(placed)) + _ROW_HEIGHT * len(placed.runs) + 14


def _listens(placed: PlacedService) -> list[str]:
    lines: list[str] = []
    for name, first in (("http", placed.service.http), ("calls", placed.service.calls)):
        if first is not None:
            last = first.of_replica(placed.service.replicas - 1)
            lines.append(f"{name} {first}" + (f"-{last.port}" if last != first else ""))
    return lines


def _service(placed: PlacedService, box: _Box) -> Iterator[str]:
    frame = f'rx="9" fill="{_PAPER}" stroke="#94a3b8"'
    for behind in range(min(placed.service.replicas, 3) - 1, 0, -1):
        yield _rectangle(_Box(box.x + 6 * behind, box.y + 6 * behind, box.width, box.height), frame)
    yield _rectangle(box, frame)
    yield (
        f'<path d="M{box.x:g} {box.y + _HEAD_HEIGHT:g}v{9 - _HEAD_HEIGHT}a9 9 0 0 1 9 -9h{box.width - 18:g}'
        f'a9 9 0 0 1 9 9v{_HEAD_HEIGHT - 9}z" fill="#eef2f7" stroke="#94a3b8"/>'
    )
    yield _text(box.x + 14, box.y + 22, placed.service.name, "name")
    if placed.service.replicas > 1:
        yield _text(box.x + box.width - 34, box.y + 22, f"×{placed.service.replicas}", "name")
    y = box.y + _HEAD_HEIGHT + 4
    for line in _listens(placed):
        y += _LINE_HEIGHT
        yield _text(box.x + 14, y - 4, line, "soft")
    for context, parts in placed.runs.items():
        y += _ROW_HEIGHT
        yield _text(box.x + 14, y - 8, context)
        for number, part in enumerate(COMPONENTS):
            if part in parts:
                yield from _chip(part, box.x + box.width - 14 - (3 - number) * (_CHIP_WIDTH + 3), y - 22)


def _rectangle(box: _Box, look: str) -> str:
    return f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" {look}/>'


def _chip(part: Component, x: float, y: float) -> Iterator[str]:
    paper, ink = _CHIPS[part]
    yield _rectangle(_Box(x, y, _CHIP_WIDTH, 20), f'rx="10" fill="{paper}"')
    yield _text(x + _CHIP_WIDTH / 2, y + 14, part, "chip", ink)


# --- stores ----------------------------------------------------------------------------------------------------------


def _store_boxes(placement: Placement, services: Mapping[str, _Box], top: float) -> dict[str, _Box]:
    """Each store as near as can be below the middle of the services that open it, from left to right."""
    wishes: dict[str, list[float]] = {}
    for name, placed in placement.services.items():
        for number, context in enumerate(placed.stores):
            wishes.setdefault(context, []).append(services[name].middle + number)
    middles = {context: sum(wish) / len(wish) for context, wish in wishes.items()}
    row = sorted(middles, key=lambda context: middles[context])
    widths = [_store_width(placement, context) for context in row]
    end = max((box.x + box.width for box in services.values()), default=0.0)
    lefts = _side_by_side([middles[context] for context in row], widths, end)
    boxes = zip(row, lefts, widths, strict=True)
    return {context: _Box(left, top, width, _STORE_HEIGHT) for context, left, width in boxes}


def _side_by_side(middles: Sequence[float], widths: Sequence[float], end: float) -> list[float]:
    """Left edges, near the wished middles, that keep a gap and do not pass the end unless they must."""
    lefts: list[float] = []
    least = float(_MARGIN)
    for middle, width in zip(middles, widths, strict=True):
        lefts.append(max(least, middle - width / 2))
        least = lefts[-1] + width + _GAP
    most = max(end, _MARGIN + _row_width(widths))
    for number in reversed(range(len(widths))):
        lefts[number] = min(lefts[number], most - widths[number])
        most = lefts[number] - _GAP
    return lefts


def _row_width(widths: Sequence[float]) -> float:
    return sum(widths) + _GAP * (len(widths) - 1)


def _store_width(placement: Placement, context: str) -> float:
    return max(len(context), len(_place(placement, context))) * _WORD + 28


def _place(placement: Placement, context: str) -> str:
    """The place of a store: below the folder of the topology without the way there."""
    return placement.topology.store_of(context).below(Path(placement.topology.where).absolute().parent)


def _store(placement: Placement, context: str, box: _Box) -> Iterator[str]:
    half, lid = box.width / 2, 9
    side = box.height - 2 * lid
    look = 'fill="#f8fafc" stroke="#94a3b8"'
    yield (
        f'<path d="M{box.x:g} {box.y + lid:g}v{side:g}a{half:g} {lid} 0 0 0 {box.width:g} 0v{-side:g}'
        f'a{half:g} {lid} 0 0 0 {-box.width:g} 0a{half:g} {lid} 0 0 0 {box.width:g} 0" {look}/>'
    )
    yield _text(box.middle, box.y + 40, context, "name mid")
    yield _text(box.middle, box.y + 58, _place(placement, context), "soft mid")


def _store_lines(
    placement: Placement, services: Mapping[str, _Box], stores: Mapping[str, _Box]
) -> Iterator[str]:  # fmt: skip
    """A service that writes to a store has a whole line to it, one that only reads a broken one."""
    for name, placed in placement.services.items():
        opened = sorted(placed.stores, key=lambda context: stores[context].x)
        box = services[name]
        start = box.y + box.height + 6 * (min(placed.service.replicas, 3) - 1)
        for number, context in enumerate(opened):
            x = box.middle + 22 * (number - (len(opened) - 1) / 2)
            target = stores[context]
            bend = (target.y - start) / 2
            look = "" if placed.has(context, "write") else ' stroke-dasharray="5 4"'
            yield (
                f'<path d="M{x:g} {start:g}C{x:g} {start + bend:g} {target.middle:g} {target.y - bend:g} '
                f'{target.middle:g} {target.y:g}" fill="none" stroke="#94a3b8" stroke-width="1.5"{look}/>'
            )
