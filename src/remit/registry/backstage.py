"""The registry as entities of a Backstage catalog, after its descriptor format
(https://backstage.io/docs/features/software-catalog/descriptor-format/).

The system is a System, a context a Component, its published language an API, its owner a Group. A shared kernel is a
Component of the type `library`. What other people run is a Resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any, cast

from remit.registry.entries import Entry, Kernel, Link, Registry
from remit.registry.links import roles_text

_NAME = re.compile(r"[^A-Za-z0-9]+")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""What JSON may hold as it is, and YAML may not, or reads as the end of a line."""
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
    names = _Names(registry)
    owners = dict.fromkeys(entry.owner or _UNKNOWN for entry in registry.own)
    whose = next(iter(owners)) if len(owners) == 1 else _UNKNOWN
    shared = {kernel.package: _owner_of(kernel, registry) for kernel in registry.kernels}
    if {whose, *shared.values()} - {*owners} or any(entry.is_foreign for entry in registry.contexts):
        owners.setdefault(_UNKNOWN)
    yield _entity("System", names.system, registry.name, {"owner": names.group(whose)})
    for owner in owners:
        yield _entity("Group", names.teams[owner], owner, {"type": "team", "children": []})
    for entry in registry.contexts:
        if entry.is_foreign:
            spec: Entity = {"type": "external-service", "owner": names.group(_UNKNOWN)}
            yield _entity("Resource", names.outside[entry.name], entry.name, spec)
            continue
        yield _component(entry, registry, names)
        if entry.publishes:
            yield _api(entry, names)
    for package, owner in shared.items():
        spec = {"type": "library", "lifecycle": "production", "owner": names.group(owner), "system": names.system}
        yield _entity("Component", names.kernels[package], package, spec, {"remit/packages": package})


def entity_name(text: str) -> str:
    """A name that Backstage takes: at most 63 letters and digits, with single dashes between them."""
    return _NAME.sub("-", text)[:_LONGEST].strip("-") or _UNKNOWN


class _Names:
    """The names of the entities of one catalog. Those of one kind differ, also where case does not count."""

    def __init__(self, registry: Registry) -> None:
        own = [entry.name for entry in registry.own]
        components = set[str]()
        self.system = entity_name(registry.name)
        self.teams = _differing([_UNKNOWN, *(entry.owner for entry in registry.own if entry.owner)], set())
        self.contexts = _differing(own, components)
        self.kernels = _differing([each.package for each in registry.kernels], components, "-kernel")
        self.apis = _differing(own, set(), "-language")
        self.outside = _differing([entry.name for entry in registry.contexts if entry.is_foreign], set())

    def group(self, owner: str) -> str:
        """The reference to a team; to that of what has no owner for an empty name."""
        return f"group:{self.teams[owner or _UNKNOWN]}"

    def dependence(self, entry: Entry) -> str:
        """The reference to a context, or to what is outside."""
        return f"resource:{self.outside[entry.name]}" if entry.is_foreign else f"component:{self.contexts[entry.name]}"


def _differing(texts: Iterable[str], taken: set[str], ending: str = "") -> dict[str, str]:
    """A name for each text, none of which is `taken`. What is a name already comes first, and stays as it is."""
    found: dict[str, str] = {}
    for text in sorted(dict.fromkeys(texts), key=lambda each: entity_name(each) != each):
        endings = (f"{ending}-{number}" if number > 1 else ending for number in count(1))
        names = (entity_name(f"{entity_name(text)[: _LONGEST - len(each)]}{each}") for each in endings)
        found[text] = name = next(each for each in names if each.lower() not in taken)
        taken.add(name.lower())
    return found


def _component(entry: Entry, registry: Registry, names: _Names) -> Entity:
    upstream = [link for link in registry.links if link.downstream == entry.name and link.pattern != "SeparateWays"]
    known = {each.name: each for each in registry.contexts}
    partners = [link for link in registry.links if link.upstream == entry.name and _is_symmetric(link)]
    others = dict.fromkeys([*(link.upstream for link in upstream), *(link.downstream for link in partners)])
    apis = dict.fromkeys(each.context for each in entry.consumes if known.get(each.context, Entry("")).publishes)
    spec: Entity = {
        "type": "service",
        "lifecycle": "production",
        "owner": names.group(entry.owner),
        "system": names.system,
        "providesApis": [names.apis[entry.name]] if entry.publishes else [],
        "consumesApis": [names.apis[context] for context in apis],
        "dependsOn": [
            *(names.dependence(known[other]) for other in others if other in known),
            *(f"component:{names.kernels[each.package]}" for each in registry.kernels if entry.name in each.contexts),
        ],
    }
    notes = {
        "remit/subdomain": entry.kind,
        "remit/language": entry.language,
        "remit/packages": ", ".join(entry.packages),
        "remit/relations": "; ".join(f"{link.upstream}: {roles_text(link)}" for link in upstream if roles_text(link)),
    }
    return _entity(
        "Component", names.contexts[entry.name], entry.name, {k: v for k, v in spec.items() if v != []}, notes
    )


def _owner_of(kernel: Kernel, registry: Registry) -> str:
    """The one team of all contexts that share a kernel. An entity has one owner."""
    owners = {entry.owner or _UNKNOWN for entry in registry.own if entry.name in kernel.contexts}
    return owners.pop() if len(owners) == 1 else _UNKNOWN


def _is_symmetric(link: Link) -> bool:
    return link.pattern in ("Partnership", "SharedKernel")


def _api(entry: Entry, names: _Names) -> Entity:
    messages = [{"message": each.message, "kind": each.kind, "version": each.version} for each in entry.publishes]
    spec: Entity = {
        "type": "remit",
        "lifecycle": "production",
        "owner": names.group(entry.owner),
        "system": names.system,
        "definition": json.dumps({"messages": messages}, indent=2),
    }
    return _entity("API", names.apis[entry.name], f"published language of {entry.name}", spec)


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
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
