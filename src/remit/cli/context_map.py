"""`remit map`: shows the contexts of a system or of a code base and what connects them, draws and exports them."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from cyclopts import Parameter
from rich.table import Table

from remit.cli.inputs import code_map_of, written
from remit.cli.options import AsJson, is_topology
from remit.cli.screen import cell, show
from remit.hosting.failures import Failure
from remit.hosting.finding import HERE, load_system
from remit.registry.backstage import catalog_of
from remit.registry.codeowners import codeowners_of
from remit.registry.declared import folders_of, registry_of
from remit.registry.described import folders_of_code, registry_of_code
from remit.registry.document import map_document
from remit.registry.entries import Registry
from remit.registry.flowchart import map_flowchart
from remit.registry.links import roles_text
from remit.registry.picture import map_picture
from remit.registry.words import told_flows
from remit.topology.file import read_topology

Mapped = Annotated[
    str,
    Parameter(
        name="SYSTEM",
        help="The system, a topology file, or a code map (remit-map.toml); default: the system here, or the map here.",
    ),
]


def show_map(
    system: Mapped = HERE,
    /,
    *,
    json: AsJson = False,
    mermaid: Annotated[bool, Parameter(negative="", help="Print a Mermaid flowchart.")] = False,
    svg: Annotated[str | None, Parameter(help="Draw the map into this file.")] = None,
    messages: Annotated[bool, Parameter(negative="", help="With --svg: the names of messages on the lines.")] = False,
    backstage: Annotated[bool, Parameter(negative="", help="Print catalog-info.yaml for Backstage.")] = False,
    codeowners: Annotated[bool, Parameter(negative="", help="Print CODEOWNERS: the owner of each package.")] = False,
    team: Annotated[
        str | None, Parameter(help="With --codeowners: how an owner is written, such as @acme/{team}. Default: @{team}")
    ] = None,
) -> int:
    """Show the context map: each context with its owner and messages, how contexts relate, and what travels between
    them.

    Everything is read from the declarations; nothing is started or opened. With a topology, it also says where the
    stores are. With a code map, only what the file says is known.
    """
    if (
        json + mermaid + (svg is not None) + backstage + codeowners > 1
        or (team and not codeowners)
        or (messages and svg is None)
    ):
        raise Failure(
            "cli.usage", "only one form can be printed; --messages belongs to --svg, and --team to --codeowners",
            where="remit map", expected="one of --json, --mermaid, --svg, --backstage, --codeowners",
            next="remit map --help",
        )  # fmt: skip
    found = _found(system)
    registry = found.registry
    if json:
        print(jsons.dumps(map_document(registry)))
    elif mermaid:
        print(map_flowchart(registry), end="")
    elif svg is not None:
        written(Path(svg), map_picture(registry, messages=messages), "map.unwritable", "--svg FILE")
    elif backstage:
        print(catalog_of(registry), end="")
    elif codeowners:
        print(codeowners_of(registry, found.folders, _repository(), team or "@{team}"), end="")
    else:
        _tell(registry)
    return 0


class _Found(NamedTuple):
    registry: Registry
    folders: Mapping[str, Path]
    """The folder of each package."""


def _found(named: str) -> _Found:
    """The registry of what is named. Raises `Failure` and `ModelError`."""
    code = code_map_of(named)
    if code is not None:
        return _Found(registry_of_code(code), folders_of_code(code))
    topology = read_topology(named, whole=False) if is_topology(named) else None
    model = load_system(topology.system if topology else named).model()
    return _Found(registry_of(model, topology), folders_of(model))


def _repository() -> Path:
    """The nearest folder above that is a repository of Git, or the working directory."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)


# --- as tables -------------------------------------------------------------------------------------------------------


def _tell(registry: Registry) -> None:
    show(_contexts(registry))
    if registry.links:
        print()
        show(_links(registry))


def _contexts(registry: Registry) -> Table:
    table = Table("CONTEXT", "SUBDOMAIN", "OWNER", "PUBLISHES", "READ MODELS", box=None, pad_edge=False)
    for entry in registry.contexts:
        kind = "outside" if entry.is_foreign else entry.kind
        publishes = ", ".join(each.message.partition(".")[2] for each in entry.publishes)
        models = ", ".join(each.name for each in entry.read_models)
        table.add_row(*(cell(text or "·") for text in (entry.name, kind, entry.owner, publishes, models)))
    return table


def _links(registry: Registry) -> Table:
    table = Table("UPSTREAM", "DOWNSTREAM", "RELATION", "WHAT TRAVELS", box=None, pad_edge=False)
    for link in registry.links:
        texts = told_flows(link, names_only=True) or ["·"]
        for number, text in enumerate(texts):
            begin = ("", "", "") if number else (link.upstream, link.downstream, roles_text(link) or "·")
            table.add_row(*map(cell, (*begin, text)))
    return table
