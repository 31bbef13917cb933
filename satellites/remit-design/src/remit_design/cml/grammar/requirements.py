"""What is wanted and by whom: use cases and user stories, stakeholders, value registers."""

from __future__ import annotations

from remit_design.cml import words
from remit_design.cml.lexer import CmlSyntaxError
from remit_design.cml.reader import Reader, Setting
from remit_design.cml.tree import Node

STAKEHOLDERS = ("Stakeholder", "StakeholderGroup")
STAKEHOLDER_SETTINGS = {
    "influence": Setting("influence", "word", words.LEVELS),
    "interest": Setting("interest", "word", words.LEVELS),
    "description": Setting("description"),
}
ELICITATION_SETTINGS = {
    "priority": Setting("priority", "word", words.LEVELS),
    "impact": Setting("impact", "word", words.LEVELS),
}
USE_CASE_SETTINGS = {
    "actor": Setting("actor"),
    "secondaryActors": Setting("secondaryActors", "texts"),
    "benefit": Setting("benefit"),
    "scope": Setting("scope"),
    "level": Setting("level"),
}


def use_case(reader: Reader, parent: Node) -> None:
    """`UseCase PlaceOrder { actor = "customer" interactions = create an "Order" }`"""
    node = reader.declared(parent, "UseCase")
    reader.body(node, USE_CASE_SETTINGS, {"interactions": _interactions})


def _interactions(reader: Reader, node: Node) -> None:
    if node.of("Feature"):
        raise reader.wrong("each setting once")
    reader.expect("interactions")
    reader.accept("=")
    feature(reader, node)
    while reader.accept(","):
        feature(reader, node)


def user_story(reader: Reader, parent: Node) -> None:
    """`UserStory Order { As a "customer" I want to create an "Order" so that "I get it" }`"""
    node = reader.declared(parent, "UserStory")
    if reader.accept("split by"):
        reader.link(node, "splitBy", "UserStory")
    if not reader.accept("{"):
        return
    if reader.at("As a", "As an"):
        node.values["article"] = reader.step().text
        node.values["role"] = reader.text()
        feature(reader, node)
        while not reader.accept("so that"):
            feature(reader, node)
        node.values["benefit"] = reader.text()
        if reader.accept("and that"):
            _valuation(reader, node)
    reader.expect("}")


def _valuation(reader: Reader, node: Node) -> None:
    node.lists["promotes"] = reader.texts()
    reader.expect("is", "are")
    reader.expect("promoted")
    reader.accept(",")
    reader.expect("accepting that")
    node.lists["harms"] = reader.texts()
    reader.expect("is", "are")
    reader.expect("reduced", "harmed")


def feature(reader: Reader, parent: Node) -> None:
    """`create an "Address" with its "street", "city" for a "Customer"`, in a story after `I want to`."""
    node = parent.add("Feature", "", reader.line)
    if reader.accept("I want to"):
        node.flags.add("wanted")
    node.values["verb"] = reader.step().text if reader.at(*words.VERBS) else reader.text()
    if reader.at(*words.ARTICLES):
        node.values["article"] = reader.step().text
    node.values["entity"] = reader.text()
    if reader.at("with its", "with their"):
        node.values["attributesAfter"] = reader.step().text
        node.lists["attributes"] = [reader.text()]
        while reader.at(",") and reader.at_kind("text", steps=1) and not _begins_feature(reader, steps=2):
            reader.step()
            node.lists["attributes"].append(reader.text())
    if reader.at("in", "for", "to"):
        node.values["containerAfter"] = reader.step().text
        if reader.at("a", "an"):
            node.values["containerArticle"] = reader.step().text
        node.values["container"] = reader.text()


def _begins_feature(reader: Reader, *, steps: int) -> bool:
    """True if the text before was a verb: an article or the text of an entity follows."""
    return reader.at(*words.ARTICLES, steps=steps) or reader.at_kind("text", steps=steps)


def stakeholders(reader: Reader, parent: Node) -> None:
    """`Stakeholders of Orders { Stakeholder Customer { interest = HIGH } }`"""
    node = parent.add("Stakeholders", "", reader.line)
    reader.expect("Stakeholders")
    if reader.accept("of"):
        reader.links(node, "of", "BoundedContext")
    reader.body(node, {}, {"StakeholderGroup": _group, "Stakeholder": _stakeholder})


def _group(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "StakeholderGroup")
    reader.body(node, {}, {"Stakeholder": _stakeholder})


def _stakeholder(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "Stakeholder")
    reader.body(node, STAKEHOLDER_SETTINGS)


def value_register(reader: Reader, parent: Node) -> None:
    """`ValueRegister Values for Orders { Value Privacy { isCore } }`"""
    node = reader.declared(parent, "ValueRegister")
    if reader.accept("for"):
        reader.link(node, "for", "BoundedContext")
    parts = {
        "ValueCluster": _cluster,
        "Value": _value,
        "ValueEpic": _epic,
        "ValueNarrative": _narrative,
        "ValueWeigthing": _weighting,
    }
    reader.body(node, {}, parts)


def _listed(reader: Reader, node: Node) -> None:
    """A setting that may be given many times, each time with one text."""
    field = f"{reader.step().text}s"
    reader.accept("=")
    node.lists.setdefault(field, []).append(reader.text())


_LISTED = {"demonstrator": _listed, "relatedValue": _listed, "opposingValue": _listed}


def _core(reader: Reader, node: Node) -> None:
    if {"core", "coreText"} & {*node.values}:
        raise reader.wrong("each setting once")
    reader.expect("core")
    reader.accept("=")
    if reader.at_kind("text"):
        node.values["coreText"] = reader.text()
    else:
        node.values["core"] = reader.expect(*words.CORE_VALUES)


def _cluster(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "ValueCluster")
    opened = reader.at("{")
    elicited = {"Stakeholder": _elicitation, "Stakeholders": _elicitation}
    reader.body(node, {}, {"core": _core, "Value": _value, **_LISTED, **elicited})
    if opened and not {"core", "coreText"} & {*node.values}:
        raise CmlSyntaxError(node.line, f"the cluster {node.name} has no core value", "core, and a value")


def _value(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "Value")
    elicited = {"Stakeholder": _elicitation, "Stakeholders": _elicitation}
    reader.body(node, {"isCore": Setting("isCore", "flag", equals="never")}, {**_LISTED, **elicited})


def _elicitation(reader: Reader, parent: Node) -> None:
    node = parent.add("ValueElicitation", "", reader.line)
    node.values["keyword"] = reader.expect("Stakeholder", "Stakeholders")
    reader.link(node, "stakeholder", *STAKEHOLDERS)
    reader.body(node, ELICITATION_SETTINGS, {"consequences": _consequences})


def _consequences(reader: Reader, parent: Node) -> None:
    reader.expect("consequences")
    while reader.at("good", "bad", "neutral") or not parent.of("Consequence"):
        node = parent.add("Consequence", "", reader.line)
        node.values["type"] = reader.expect("good", "bad", "neutral")
        node.values["text"] = reader.text()
        if reader.accept("action"):
            node.values["action"] = reader.text()
            if reader.at_kind("text"):
                node.values["actionTypeText"] = reader.text()
            else:
                node.values["actionType"] = reader.expect("ACT", "MONITOR")


def _epic(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "ValueEpic")
    if not reader.accept("{"):
        return
    reader.expect("As a")
    reader.link(node, "stakeholder", *STAKEHOLDERS)
    reader.expect("I value")
    node.values["value"] = reader.text()
    reader.expect("as demonstrated in")
    while reader.at("realization of", "reduction of"):
        field = "realized" if reader.step().text == "realization of" else "reduced"
        node.lists.setdefault(field, []).append(reader.text())
    if len(node.lists) < 2:
        raise reader.wrong("realization of, and reduction of")
    reader.expect("}")


_NARRATIVE = {
    "When the SOI executes": "feature",
    "stakeholders expect it to promote, protect or create": "promoted",
    "possibly degrading or prohibiting": "harmed",
    "with the following externally observable and/or internally auditable behavior:": "behaviour",
}


def _narrative(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "ValueNarrative")
    reader.expect("{")
    for phrase, field in _NARRATIVE.items():
        reader.expect(phrase)
        node.values[field] = reader.text()
        if field in ("feature", "promoted"):
            reader.expect(",")
    reader.expect("}")


def _weighting(reader: Reader, parent: Node) -> None:
    node = reader.declared(parent, "ValueWeigthing")
    reader.expect("{")
    reader.expect("In the context of the SOI,")
    reader.expect("stakeholder")
    reader.link(node, "stakeholder", *STAKEHOLDERS)
    for phrase, field in (
        ("values", "value"),
        ("more than", "lessValue"),
        ("expecting benefits such as", "benefits"),
        ("running the risk of harms such as", "harms"),
    ):
        reader.expect(phrase)
        node.values[field] = reader.text()
    reader.expect("}")
