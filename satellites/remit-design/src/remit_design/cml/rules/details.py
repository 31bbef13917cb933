"""Details of the tactical part, after the rules of Sculptor, whose language CML contains."""

from __future__ import annotations

import re
from collections import Counter

from remit.errors import Findings
from remit_design.cml.codes import say
from remit_design.cml.grammar.kinds import EVENTS, OBJECTS
from remit_design.cml.tree import Node

_PRIMITIVE = ("int", "long", "float", "double", "boolean")
_TEMPORAL = ("Date", "DateTime", "Timestamp")
_NUMERIC = ("int", "long", "float", "double", "Integer", "Long", "Float", "Double", "BigInteger", "BigDecimal")
_BOOLEAN = ("Boolean", "boolean")
_ONLY_FOR = {
    **dict.fromkeys(("length", "creditCardNumber", "email"), ("String",)),
    **dict.fromkeys(("past", "future"), _TEMPORAL),
    **dict.fromkeys(("min", "max", "range", "digits"), _NUMERIC),
    **dict.fromkeys(("assertTrue", "assertFalse"), _BOOLEAN),
}
"""The types that a word after an attribute makes sense for."""


def check(root: Node, found: Findings) -> None:
    """Checks properties, enums, classes, repositories and names."""
    for node in root.inside("Attribute"):
        if node.parent is not None and node.parent.kind != "DataTransferObject":
            _attribute(node, found)
    for node in root.inside("Reference"):
        if node.parent is not None and node.parent.kind != "DataTransferObject":
            _reference(node, found)
    for node in root.inside("enum"):
        _enum(node, found)
    for node in root.inside("Entity", "ValueObject", *EVENTS):
        _class(node, found)
    for node in root.inside("Service", "Repository", "BasicType", "Entity", "ValueObject", *EVENTS):
        if {"gap", "nogap"} <= node.flags:
            _wrong(found, node, f"{node.name} is said to have a gap and none")
    _repositories(root, found)
    _names(root, found)
    _missed_references(root, found)


def _wrong(found: Findings, node: Node, what: str) -> None:
    say(found, "cml.tactical", node, what)


def _attribute(node: Node, found: Findings) -> None:
    kind, collected = node.values["type"], "collection" in node.values
    for word in ({*node.values, *node.flags}) & {*_ONLY_FOR}:
        if collected or kind not in _ONLY_FOR[word]:
            _wrong(found, node, f"{word} is only for {', '.join(_ONLY_FOR[word])}; {node.name} is {kind}")
    if not re.fullmatch("[0-9]+", node.values.get("length", "0")):
        _wrong(found, node, f"the length of {node.name} is no number")
    if "nullable" in node.flags and kind in _PRIMITIVE and not collected:
        _wrong(found, node, f"{node.name} is {kind} and cannot be nullable")
    if "notEmpty" in node.flags and not collected and kind != "String":
        _wrong(found, node, f"notEmpty is only for texts and collections; {node.name} is {kind}")
    _property(node, found)


def _property(node: Node, found: Findings) -> None:
    flags = node.flags
    if {"key", "nullable"} <= flags:
        keys = [each for each in (node.parent.children if node.parent else []) if "key" in each.flags]
        if all("nullable" in each.flags for each in keys):
            _wrong(found, node, f"the key {node.name} is nullable, and no other part of the key is not")
    for first, second, what in (
        ("not changeable", "required", "not changeable means required"),
        ("key", "not changeable", "a key cannot change anyway"),
        ("key", "required", "a key is required anyway"),
    ):
        if {first, second} <= flags:
            say(found, "cml.property-redundant", node, f"{node.name}: {what}")


def _reference(node: Node, found: Findings) -> None:
    many = "collection" in node.values
    target = node.target("type")
    for word, applies in (
        ("cache", many),
        ("size", many),
        ("notEmpty", many),
        ("nullable", not many),
        ("key", not many),
        ("orderby", node.values.get("collection") in ("Bag", "List")),
        ("orderColumn", node.values.get("collection") == "List"),
    ):
        if word in {*node.flags, *node.values} and not applies:
            _wrong(found, node, f"{word} does not apply to {node.name}, a reference to {'many' if many else 'one'}")
    if "orderby" in node.values and "orderColumn" in node.flags:
        _wrong(found, node, f"{node.name} has both orderby and orderColumn")
    for word in ("cascade", "cache"):
        if word in {*node.flags, *node.values} and target is not None and target.kind in ("BasicType", "enum"):
            _wrong(found, node, f"{word} does not apply to {node.name}, a reference to a {target.kind}")
    if many and "not changeable" in node.flags:
        say(found, "cml.property-redundant", node, f"{node.name}: a collection is never replaced")
    _property(node, found)
    _joined(node, found)


def _joined(node: Node, found: Findings) -> None:
    """The rules about both sides of an association in a database."""
    many, opposite = "collection" in node.values, node.target("opposite")
    to_many_alone = many and not node.named("opposite")
    many_to_many = many and opposite is not None and "collection" in opposite.values
    inverse = "inverse" in node.flags
    if inverse and not (many or (opposite is not None and "collection" not in opposite.values)):
        _wrong(found, node, f"inverse does not apply to {node.name}: it is neither to many, nor one to one")
    if "databaseJoinTable" in node.values and not (many_to_many or (to_many_alone and not inverse)):
        _wrong(found, node, f"databaseJoinTable does not apply to {node.name}")
    if "databaseJoinColumn" in node.values and not (to_many_alone and not inverse):
        _wrong(found, node, f"databaseJoinColumn does not apply to {node.name}")
    if opposite is None:
        return
    if "databaseColumn" in node.values and many and "collection" not in opposite.values:
        _wrong(found, node, f"databaseColumn belongs to the other side of {node.name}")
    if opposite.target("opposite") is not node:
        _wrong(found, node, f"{opposite.name} is the opposite of {node.name}, and does not say the same")


def _enum(node: Node, found: Findings) -> None:
    attributes = node.of("EnumAttribute")
    sizes = {len(value.lists.get("parameters", [])) for value in node.of("EnumValue")}
    keys = [attribute for attribute in attributes if "key" in attribute.flags]
    hint = node.values.get("hint", "")
    if attributes and sizes != {len(attributes)}:
        _wrong(found, node, f"the values of {node.name} do not give its {len(attributes)} attribute(s)")
    if len(sizes) > 1:
        _wrong(found, node, f"the values of {node.name} have different numbers of parameters")
    if not attributes and max(sizes) > 1:
        _wrong(found, node, f"the values of {node.name} have several parameters, and no attribute is declared")
    if len(keys) > 1:
        _wrong(found, node, f"{node.name} has several keys")
    if "ordinal" in hint and (keys or (not attributes and 1 in sizes) or "databaseLength" in hint):
        _wrong(found, node, f"ordinal does not apply to {node.name}")
    if "databaseLength" in hint and any(key.values["type"] != "String" for key in keys):
        _wrong(found, node, f"databaseLength does not apply to {node.name}: its key is no String")


def _class(node: Node, found: Findings) -> None:
    flags, repositories, belongs_to = node.flags, node.of("Repository"), node.target("belongsTo")
    transient = "not persistent" in flags
    if "discriminatorValue" in node.values and node.kind not in EVENTS and not node.named("extends"):
        _wrong(found, node, f"discriminatorValue is only for what extends another {node.kind}")
    if repositories and "aggregateRoot" not in flags:
        _wrong(found, node, f"{node.name} has a repository and is no aggregateRoot")
    if belongs_to is not None and "aggregateRoot" not in belongs_to.flags:
        _wrong(found, node, f"{node.name} belongs to {belongs_to.name}, which is no aggregateRoot")
    if node.kind == "ValueObject" and transient and {"aggregateRoot", "scaffold"} & flags:
        _wrong(found, node, f"{node.name} is not persistent, and so no aggregateRoot and without scaffold")
    if node.kind in EVENTS and "persistent" not in flags and (repositories or "scaffold" in flags):
        _wrong(found, node, f"{node.name} has a repository or scaffold, and is not persistent")


def _repositories(root: Node, found: Findings) -> None:
    repositories = list(root.inside("Repository"))
    counted = Counter(node.name for node in repositories)
    for node in repositories:
        if not node.name.endswith("Repository"):
            _wrong(found, node, f"the name of the repository {node.name} does not end with Repository")
        if counted[node.name] > 1:
            _wrong(found, node, f"{counted[node.name]} repositories have the name {node.name}")


def _names(root: Node, found: Findings) -> None:
    for node in root.inside(*OBJECTS, "Service", "Repository"):
        if not node.name[0].isupper():
            say(found, "cml.naming", node, f"the name of the {node.kind} {node.name} begins with a small letter")
    for node in root.inside("Attribute", "Reference", "Parameter"):
        if not node.name[0].islower():
            say(found, "cml.naming", node, f"the name of the {node.kind.lower()} {node.name} begins with a capital")


def _missed_references(root: Node, found: Findings) -> None:
    objects = {node.name for node in root.inside(*OBJECTS)}
    for node in root.inside("Attribute"):
        if node.values["type"] in objects and node.parent and node.parent.kind != "DataTransferObject":
            say(
                found,
                "cml.not-a-reference",
                node,
                f"the type of {node.name} is an object",
                next=f"- {node.values['type']}",
            )
    for node in root.inside("ServiceOperation", "RepositoryOperation", "Parameter"):
        if node.values.get("type") in objects and not node.named("type"):
            say(
                found,
                "cml.not-a-reference",
                node,
                f"the type of {node.name} is an object",
                next=f"@{node.values['type']}",
            )
