"""The registry as entities of a Backstage catalog, after its descriptor format
(https://backstage.io/docs/features/software-catalog/descriptor-format/).

The system is a System, a context a Component, its published language an API, its owner a Group. A shared kernel is a
Component of the type `library`. What other people run is a Resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, cast

from remit.registry.entries import Entry, Kernel, Link, Registry
from remit.registry.links import roles_text

_NAME = re.compile(r"[^A-Za-z0-9]+")
_LONGEST = 63
"""The length of a name in Backstage."""
_UNKNOWN = "unknown"
"""The owner of what has none: an owner is required."""
Entity = dict[str, Any]


def catalog_of(registry: Registry) -> str:
    """The text of `catalog-info.yaml`: a document for each entity."""
    return "".join(f"---\n{_yaml(entity)}" for entity in entities_of(registry))


def entities_of(registry: Registry) -> Iterator[Entity]:
    """The entities, as plain values."""
    system = entity_name(registry.name)
    owners = {entity_name(entry.owner or _UNKNOWN): entry.owner or _UNKNOWN for entry in registry.own}
    whose = next(iter(owners)) if len(owners) == 1 else _UNKNOWN
    shared = {kernel.package: _owner_of(kernel, registry) for kernel in registry.kernels}
    if {whose, *shared.values()} - {*owners} or any(entry.is_foreign for entry in registry.contexts):
        owners.setdefault(_UNKNOWN, _UNKNOWN)
    yield _entity("System", system, registry.name, {"owner": f"group:{whose}"})
    for name, owner in owners.items():
        yield _entity("Group", name, owner, {"type": "team", "children": []})
    for entry in registry.contexts:
        if entry.is_foreign:
            spec: Entity = {"type": "external-service", "owner": f"group:{_UNKNOWN}"}
            yield _entity("Resource", entity_name(entry.name), entry.name, spec)
            continue
        yield _component(entry, registry, system)
        if entry.publishes:
            yield _api(entry, registry, system)
    for package, owner in shared.items():
        spec = {"type": "library", "lifecycle": "production", "owner": f"group:{owner}", "system": system}
        yield _entity("Component", _kernel_name(package), package, spec, {"remit/packages": package})


def entity_name(text: str) -> str:
    """A name that Backstage takes: at most 63 letters and digits, with single dashes between them."""
    return _NAME.sub("-", text)[:_LONGEST].strip("-") or _UNKNOWN


def _component(entry: Entry, registry: Registry, system: str) -> Entity:
    upstream = [link for link in registry.links if link.downstream == entry.name and link.pattern != "SeparateWays"]
    known = {each.name: each for each in registry.contexts}
    partners = [link for link in registry.links if link.upstream == entry.name and _is_symmetric(link)]
    others = dict.fromkeys([*(link.upstream for link in upstream), *(link.downstream for link in partners)])
    apis = dict.fromkeys(each.context for each in entry.consumes if known.get(each.context, Entry("")).publishes)
    spec: Entity = {
        "type": "service",
        "lifecycle": "production",
        "owner": f"group:{entity_name(entry.owner or _UNKNOWN)}",
        "system": system,
        "providesApis": [_api_name(entry.name)] if entry.publishes else [],
        "consumesApis": [_api_name(context) for context in apis],
        "dependsOn": [
            *(_reference(known[other]) for other in others if other in known),
            *(f"component:{_kernel_name(each.package)}" for each in registry.kernels if entry.name in each.contexts),
        ],
    }
    notes = {
        "remit/subdomain": entry.kind,
        "remit/language": entry.language,
        "remit/packages": ", ".join(entry.packages),
        "remit/relations": "; ".join(f"{link.upstream}: {roles_text(link)}" for link in upstream if roles_text(link)),
    }
    return _entity("Component", entity_name(entry.name), entry.name, {k: v for k, v in spec.items() if v != []}, notes)


def _owner_of(kernel: Kernel, registry: Registry) -> str:
    """The one team of all contexts that share a kernel. An entity has one owner."""
    owners = {entity_name(entry.owner or _UNKNOWN) for entry in registry.own if entry.name in kernel.contexts}
    return owners.pop() if len(owners) == 1 else _UNKNOWN


def _kernel_name(package: str) -> str:
    return entity_name(f"{package[: _LONGEST - len('-kernel')]}-kernel")


def _is_symmetric(link: Link) -> bool:
    return link.pattern in ("Partnership", "SharedKernel")


def _reference(entry: Entry) -> str:
    return f"{'resource' if entry.is_foreign else 'component'}:{entity_name(entry.name)}"


def _api(entry: Entry, registry: Registry, system: str) -> Entity:
    messages = [{"message": each.message, "kind": each.kind, "version": each.version} for each in entry.publishes]
    spec: Entity = {
        "type": "remit",
        "lifecycle": "production",
        "owner": f"group:{entity_name(entry.owner or _UNKNOWN)}",
        "system": system,
        "definition": json.dumps({"messages": messages}, indent=2),
    }
    return _entity("API", _api_name(entry.name), f"published language of {entry.name}", spec)


def _api_name(context: str) -> str:
    return entity_name(f"{context[: _LONGEST - len('-language')]}-language")


def _entity(kind: str, name: str, title: str, spec: Entity, notes: dict[str, str] | None = None) -> Entity:
    metadata: Entity = {"name": name, "title": title}
    if annotations := {key: value for key, value in (notes or {}).items() if value}:
        metadata["annotations"] = annotations
    return {"apiVersion": "backstage.io/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}


def _yaml(value: Entity, indent: str = "") -> str:
    """An object as YAML. A text is written as in JSON, which YAML 1.2 reads as the same text."""
    lines: list[str] = []
    for key, each in value.items():
        name = key if key.replace("/", "").isalnum() else json.dumps(key)
        if isinstance(each, dict):
            lines.append(f"{indent}{name}:\n{_yaml(each, indent + '  ')}")  # pyright: ignore[reportUnknownArgumentType]  # an object of this file
        elif isinstance(each, list) and each:
            items = cast("list[str]", each)
            lines.append(f"{indent}{name}:\n" + "".join(f"{indent}  - {_scalar(item)}\n" for item in items))
        else:
            lines.append(f"{indent}{name}: {_scalar(each)}\n")
    return "".join(lines)


def _scalar(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
