"""What the registry says in words: the tooltips of the map."""

from __future__ import annotations

from collections.abc import Iterator

from remit.registry.entries import ARRIVING, Entry, Flow, How, Link
from remit.registry.links import roles_text

_HOW: dict[How, str] = {"call": "calls", "event": "follows", "later": "sends for later", "translation": "translates"}


def told_entry(entry: Entry) -> str:
    """All that is known of a context, one fact a line."""
    return "\n".join(_facts(entry))


def _facts(entry: Entry) -> Iterator[str]:
    yield entry.name
    facts = {
        "subdomain": entry.kind,
        "owner": entry.owner,
        "language": entry.language,
        "packages": ", ".join(entry.packages),
        "components": ", ".join(entry.components),
        "store": entry.store,
        "publishes": ", ".join(each.message for each in entry.publishes),
        "read models": ", ".join(each.name for each in entry.read_models),
    }
    yield from (f"{name}: {text}" for name, text in facts.items() if text)


def told_link(link: Link) -> str:
    """A link, one fact a line: `billing U,S → D,C enrollment`, `enrollment calls billing.ConfirmInvoice`."""
    return "\n".join(_told(link))


def _told(link: Link) -> Iterator[str]:
    if link.pattern in ("relation", "none"):
        yield f"{link.upstream} {roles_text(link) or '→'} {link.downstream}"
    else:
        yield f"{link.upstream} and {link.downstream}: {roles_text(link)}"
    if link.uses is not None:
        yield f"uses {', '.join(link.uses)}"
    yield from told_flows(link)


def told_flows(link: Link, *, names_only: bool = False) -> list[str]:
    """What travels: `enrollment calls billing.ConfirmInvoice`. With `names_only`, messages without their context."""
    return [_told_flow(flow, names_only=names_only) for flow in link.flows]


def _told_flow(flow: Flow, *, names_only: bool) -> str:
    taker = flow.target if flow.how in ARRIVING else flow.source
    names = [each.partition(".")[2] if names_only else each for each in flow.messages]
    return f"{taker} {_HOW[flow.how]} {', '.join(names)}"
