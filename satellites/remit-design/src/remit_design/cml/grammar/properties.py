"""Members of domain objects: attributes, references, associations."""

from __future__ import annotations

from remit_design.cml import words
from remit_design.cml.grammar.kinds import OBJECTS
from remit_design.cml.grammar.operations import operation, plain_type
from remit_design.cml.reader import Reader
from remit_design.cml.tree import Node

_TEXTS = (
    *("hint", "digits", "max", "min", "decimalMax", "decimalMin", "pattern", "range", "size", "length", "scriptAssert"),
    *("url", "validate", "databaseColumn", "databaseType", "cascade", "fetch", "databaseJoinTable"),
    *("databaseJoinColumn", "orderby"),
)
_WITH_MESSAGE = (
    *("nullable", "assertFalse", "assertTrue", "creditCardNumber", "email", "future", "past", "notEmpty", "notBlank"),
    *("valid", "orderColumn"),
)
_FLAGS = ("key", "changeable", "required", "unique", "index", "transient", "cache", "inverse")
_DENIABLE = ("changeable", "required", "unique", "nullable", "cache", "inverse")


def begins_association(reader: Reader) -> bool:
    """True if an association comes next."""
    return reader.at("--", "association", steps=1 if reader.at_kind("text") else 0)


def member(reader: Reader, parent: Node) -> None:
    """Reads one member of a domain object."""
    steps = 1 if reader.at_kind("text") else 0
    if begins_association(reader):
        association(reader, parent)
    elif reader.at("def", "*", steps=steps):
        operation(reader, parent, "DomainObjectOperation")
    elif reader.at("-", "reference", steps=steps):
        _reference(reader, parent)
    else:
        _attribute(reader, parent)


def association(reader: Reader, parent: Node) -> None:
    """`-- "lives at" @Address`"""
    if reader.at_kind("text"):
        reader.step()
    node = parent.add("Association", "", reader.line)
    reader.expect("--", "association")
    if reader.at_kind("text"):
        node.values["label"] = reader.text()
    reader.accept("@")
    reader.link(node, "type", *OBJECTS)
    reader.accept(";")


def _attribute(reader: Reader, parent: Node) -> None:
    if reader.at_kind("text"):
        reader.step()
    reader.accept(*words.VISIBILITIES)
    node = Node("Attribute", "", reader.line, parent=parent, file=parent.file)
    if reader.at(*words.COLLECTIONS):
        node.values["collection"] = reader.step().text
        reader.expect("<")
        node.values["type"] = plain_type(reader)
        reader.expect(">")
    else:
        node.values["type"] = plain_type(reader)
    node.name = reader.name("a name (attribute)")
    parent.children.append(node)
    while _detail(reader, node):
        pass
    reader.accept(";")


def _reference(reader: Reader, parent: Node) -> None:
    if reader.at_kind("text"):
        reader.step()
    node = Node("Reference", "", reader.line, parent=parent, file=parent.file)
    reader.expect("-", "reference")
    reader.accept(*words.VISIBILITIES)
    if reader.at(*words.COLLECTIONS):
        node.values["collection"] = reader.step().text
        reader.expect("<")
    reader.accept("@")
    reader.link(node, "type", *OBJECTS)
    if "collection" in node.values:
        reader.expect(">")
    node.name = reader.name("a name (reference)")
    parent.children.append(node)
    while _detail(reader, node) or _opposite(reader, node):
        pass
    if reader.accept("--", "association"):
        node.values["label"] = reader.text()
    reader.accept(";")


def _opposite(reader: Reader, node: Node) -> bool:
    if not reader.accept("opposite", "<->"):
        return False
    reader.link(node, "opposite", "Reference")
    return True


def _detail(reader: Reader, node: Node) -> bool:
    """Reads one of the words after the name of a property."""
    if reader.accept("not", "!"):
        node.flags.add(f"not {reader.expect(*_DENIABLE)}")
    elif reader.at(*_FLAGS):
        node.flags.add(reader.step().text)
    elif reader.at(*_WITH_MESSAGE):
        node.flags.add(reader.step().text)
        if reader.accept("="):
            reader.text()
    elif reader.at(*_TEXTS):
        word = reader.step().text
        reader.expect("=")
        node.values[word] = reader.text()
    else:
        return False
    return True


def enum_attribute(reader: Reader, parent: Node) -> None:
    """`int code key;` in an enum."""
    if reader.at_kind("text"):
        reader.step()
    node = Node("EnumAttribute", "", reader.line, parent=parent, file=parent.file)
    node.values["type"] = plain_type(reader)
    node.name = reader.name()
    parent.children.append(node)
    if reader.accept("key"):
        node.flags.add("key")
    reader.accept(";")
