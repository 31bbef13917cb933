"""`remit plan`: shows what a topology file means, as a table or a picture. With two files, shows the move."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from remit.cli.options import AsJson
from remit.cli.screen import show
from remit.hosting import System
from remit.hosting.failures import Failure
from remit.hosting.finding import load_system
from remit.hosting.granting import granted
from remit.hosting.technologies import broker_permissions
from remit.topology.file import Address, ChannelPlace, Topology, read_topology
from remit.topology.flowchart import mermaid_of
from remit.topology.flows import IN_PROCESS, Flow, flows_of
from remit.topology.grants import grants_text
from remit.topology.keys import is_keyed
from remit.topology.moves import PlacementChange, changes_between, check_stores_stay
from remit.topology.picture import picture_of
from remit.topology.placement import PlacedService, Placement, Shapes, place
from remit.topology.shapes import shapes_of
from remit.topology.users import users_of


def plan(
    topology: Annotated[str, Parameter(name="TOPOLOGY", help="The topology file.")],
    other: Annotated[
        str | None, Parameter(name="OTHER", help="A second file: shows what moving from the first to it changes.")
    ] = None,
    /,
    *,
    json: AsJson = False,
    mermaid: Annotated[bool, Parameter(negative="", help="Print a Mermaid flowchart.")] = False,
    svg: Annotated[str | None, Parameter(help="Draw the plan into this file.")] = None,
    grants: Annotated[
        bool, Parameter(negative="", help="Print what each service may call, for the file of grants.")
    ] = False,
    permissions: Annotated[
        bool, Parameter(negative="", help="Print the permissions of each user, for the configuration of NATS.")
    ] = False,
) -> int:
    """Show what runs where, on which stores and channels, and how every message travels.

    Starts and opens nothing. A topology that cannot keep the guarantees is refused with every finding, and exit code 2.
    So is a move that would leave the data of a context behind.

    With --grants, prints what the context map lets each service call, and in whose name. Services that prove their
    names by key pairs read it from the file FILE.grants.json beside FILE.toml.

    With --permissions, prints an `authorization` block for the configuration of the NATS server. It lets no service
    receive private events of another context or publish in its name. Passwords are variables of the environment of the
    server.
    """
    forms = mermaid + (svg is not None) + permissions + grants
    if json + forms > 1 or (other is not None and forms):
        raise Failure(
            "cli.usage", "only one form can be printed, and a move only as a table or JSON", where="remit plan",
            expected="one of --json, --mermaid, --svg, --permissions, --grants; with two files only --json",
            next="remit plan --help",
        )  # fmt: skip
    system, placement, shapes = _placed(topology)
    if other is not None:
        _, moved, shapes = _placed(other)
        check_stores_stay(placement, moved).settle()
        _tell_move(placement, moved, changes_between(placement, moved, shapes), as_json=json)
        return 0
    if permissions or grants:
        rights = granted(system, system.model(), placement)
        users = users_of(placement, rights) if permissions else []
        print(
            broker_permissions(system.name, placement.topology, users) if permissions else grants_text(rights), end=""
        )
        return 0
    flows = flows_of(placement, shapes)
    if json:
        print(jsons.dumps(_document(placement, flows) | {"reactions": _reactions(shapes)}))
    elif mermaid:
        print(mermaid_of(placement, flows), end="")
    elif svg is not None:
        _write(Path(svg), picture_of(placement, flows))
    else:
        _tell(placement, list(shapes), flows)
        if reactions := _reactions(shapes):
            print()
            show(_followed(reactions))
    return 0


def _placed(path: str) -> tuple[System, Placement, Shapes]:
    topology = read_topology(path, whole=False)
    system = load_system(topology.system)
    shapes = shapes_of(system.model())
    return system, place(topology, shapes), shapes


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(
            "plan.unwritable", f"the picture cannot be written: {error.strerror}", where=str(path),
            expected="a file in an existing folder that you may write to", next="choose another file: --svg FILE",
        ) from None  # fmt: skip


# --- one topology ----------------------------------------------------------------------------------------------------


def _tell(placement: Placement, contexts: Sequence[str], flows: Sequence[Flow]) -> None:
    print(f"{placement.topology.system} by {placement.topology.where}\n")
    show(_services(placement, contexts))
    print()
    show(_stores(placement))
    print()
    if placement.topology.channels:
        show(_channels(placement.topology))
        print()
    show(_flows(flows))


def _table(*titles: str) -> Table:
    return Table(*titles, box=None, pad_edge=False)


def _services(placement: Placement, contexts: Sequence[str]) -> Table:
    listens = [key for key in ("http", "calls") if any(getattr(s, key) for s in placement.topology.services.values())]
    table = _table("SERVICE", *(context.upper() for context in contexts), *(key.upper() for key in listens))
    for placed in placement.services.values():
        runs = [" ".join(placed.parts(context)) or "·" for context in contexts]
        ports = [placed.ports(first) if (first := getattr(placed.service, key)) else "·" for key in listens]
        table.add_row(placed.title, *runs, *ports)
    return table


def _stores(placement: Placement) -> Table:
    table = _table("STORE", "PLACE", "OPENED BY")
    for context in placement.opened:
        services = [name for name, placed in placement.services.items() if context in placed.stores]
        table.add_row(context, placement.topology.store_of(context).below(Path.cwd()), ", ".join(services))
    return table


def _channels(topology: Topology) -> Table:
    table = _table("CHANNEL", "OVER", "CODEC")
    for name, channel in topology.channels.items():
        table.add_row(
            name, channel.place + (", proved by keys" if name == "calls" and is_keyed(topology) else ""), channel.codec
        )
    return table


def _flows(flows: Sequence[Flow]) -> Table:
    table = _table("WHAT", "FROM", "TO", "HOW")
    for flow in flows:
        between = f" ({flow.sender} → {flow.receiver})" if flow.sender != flow.receiver else ""
        how = Text(flow.told + between, style="dim" if flow.way == IN_PROCESS else "")
        table.add_row(flow.kind, flow.source, flow.target, how)
    return table


def _reactions(shapes: Shapes) -> list[dict[str, Any]]:
    """Each reaction, with those that follow the log together with it, and the models that they have in common."""
    return [
        {
            "name": member.name,
            "source": member.source,
            "channel": "private" if member.private else "published",
            "together_with": [other.name for other in group.members if other != member],
            "models": [model.__name__ for model in group.models],
        }
        for shape in shapes.values()
        if shape is not None
        for group in shape.reactions
        for member in group.members
    ]


def _followed(reactions: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("REACTION", "FOLLOWS", "IN ONE ORDER WITH", "MODELS")
    for each in reactions:
        together = ", ".join(name.partition(".")[2] for name in each["together_with"])
        order = Text(together or "independent", style="" if together else "dim")
        table.add_row(each["name"], f"{each['source']} {each['channel']}", order, ", ".join(each["models"]))
    return table


def _document(placement: Placement, flows: Sequence[Flow]) -> dict[str, Any]:
    topology = placement.topology
    return {
        "system": topology.system,
        "services": {
            name: {
                "runs": {context: placed.parts(context) for context in placed.runs},
                "replicas": placed.service.replicas,
                "http": _each(placed, placed.service.http),
                "calls": _each(placed, placed.service.calls),
                "stores": {context: store.shown for context, store in placed.stores.items()},
            }
            for name, placed in placement.services.items()
        },
        "channels": {"events": _channel(topology.events), "calls": _channel(topology.calls)},
        "addresses": {address: list(places) for address, places in placement.addresses.items()},
        "apart": sorted(placement.apart),
        "flows": [flow._asdict() for flow in flows],
    }


def _each(placed: PlacedService, first: Address | None) -> list[str]:
    return [str(first.of_replica(n)) for n in range(placed.service.replicas)] if first else []


def _channel(channel: ChannelPlace | None) -> dict[str, str] | None:
    return None if channel is None else {"over": channel.place, "codec": channel.codec}


# --- from one to another ---------------------------------------------------------------------------------------------


def _tell_move(old: Placement, new: Placement, changes: Sequence[PlacementChange], *, as_json: bool) -> None:
    if as_json:
        print(jsons.dumps({"changes": [change._asdict() for change in changes]}))
        return
    print(f"From {old.topology.where} to {new.topology.where}:\n")
    if not changes:
        print("Nothing changes.")
        return
    table = _table("WHAT", "", "BEFORE", "AFTER")
    for change in changes:
        table.add_row(*change)
    show(table)
    print("\nEvery store stays where it is: no data moves, and every checkpoint stays valid.")
