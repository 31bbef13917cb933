"""From the facts to CML text: use cases and stories, stakeholders, value registers."""

from __future__ import annotations

from collections.abc import Callable

from remit_design.cml.facts import Facts
from remit_design.cml.lexer import quoted
from remit_design.cml.lines import Lines, name, names, setting, texts
from remit_design.cml.words import VERBS


def requirements(lines: Lines, facts: Facts) -> None:
    """Use cases and user stories."""
    for table in facts.get("useCases", []):
        lines.block(f"UseCase {name(table['name'])}", _use_case(lines, table))
    for table in facts.get("userStories", []):
        split = f" split by {name(table['splitBy'])}" if "splitBy" in table else ""
        lines.block(f"UserStory {name(table['name'])}{split}", _user_story(lines, table))


def _use_case(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        setting(lines, table, "actor", quoted)
        setting(lines, table, "secondaryActors", texts)
        if table.get("features"):
            lines.add(f"interactions = {', '.join(map(_feature, table['features']))}")
        for key in ("benefit", "scope", "level"):
            setting(lines, table, key, quoted)

    return body


def _user_story(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        if "role" not in table:
            return
        lines.add(f"{table['article']} {quoted(table['role'])}")
        for feature in table.get("features", []):
            lines.add(_feature(feature))
        lines.add(f"so that {quoted(table['benefit'])}")
        if "promotes" in table:
            lines.add(f"and that {texts(table['promotes'])} is promoted,")
            lines.add(f"accepting that {texts(table['harms'])} is reduced")

    return body


def _feature(table: Facts) -> str:
    verb = table["verb"] if table["verb"] in VERBS else quoted(table["verb"])
    words = ["I want to", verb] if table.get("wanted") else [verb]
    if "article" in table:
        words.append(table["article"])
    words.append(quoted(table["entity"]))
    if "attributes" in table:
        words += [table["attributesAfter"], texts(table["attributes"])]
    if "container" in table:
        words.append(table["containerAfter"])
        if "containerArticle" in table:
            words.append(table["containerArticle"])
        words.append(quoted(table["container"]))
    return " ".join(words)


def stakeholders(lines: Lines, facts: Facts) -> None:
    """Blocks of stakeholders."""
    for table in facts.get("stakeholders", []):
        of = f" of {names(table['of'])}" if "of" in table else ""
        lines.block(f"Stakeholders{of}", _stakeholder_block(lines, table))


def _stakeholder_block(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        for group in table.get("groups", []):
            lines.block(f"StakeholderGroup {name(group['name'])}", _stakeholder_block(lines, group))
        for stakeholder in table.get("stakeholders", []):
            lines.block(f"Stakeholder {name(stakeholder['name'])}", _stakeholder(lines, stakeholder))

    return body


def _stakeholder(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        setting(lines, table, "influence")
        setting(lines, table, "interest")
        setting(lines, table, "description", quoted)

    return body


def value_registers(lines: Lines, facts: Facts) -> None:
    """Value registers with clusters, values, epics, narratives and weightings."""
    for table in facts.get("valueRegisters", []):
        context = f" for {name(table['for'])}" if "for" in table else ""
        lines.block(f"ValueRegister {name(table['name'])}{context}", _register(lines, table))


def _register(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        for cluster in table.get("clusters", []):
            lines.block(f"ValueCluster {name(cluster['name'])}", _value(lines, cluster))
        _values(lines, table)
        for epic in table.get("epics", []):
            lines.block(f"ValueEpic {name(epic['name'])}", _epic(lines, epic))
        for narrative in table.get("narratives", []):
            lines.block(f"ValueNarrative {name(narrative['name'])}", _narrative(lines, narrative))
        for weighting in table.get("weightings", []):
            lines.block(f"ValueWeigthing {name(weighting['name'])}", _weighting(lines, weighting))

    return body


def _values(lines: Lines, table: Facts) -> None:
    for value in table.get("values", []):
        lines.block(f"Value {name(value['name'])}", _value(lines, value))


def _value(lines: Lines, table: Facts) -> Callable[[], None]:
    """What stands in a value, or in a cluster of values."""

    def body() -> None:
        if table.get("isCore"):
            lines.add("isCore")
        if "core" in table:
            lines.add(f"core {table['core']}")
        if "coreText" in table:
            lines.add(f"core {quoted(table['coreText'])}")
        for word in ("demonstrator", "relatedValue", "opposingValue"):
            for text in table.get(f"{word}s", []):
                lines.add(f"{word} = {quoted(text)}")
        _values(lines, table)
        for elicitation in table.get("elicitations", []):
            head = f"{elicitation['keyword']} {name(elicitation['stakeholder'])}"
            lines.block(head, _elicitation(lines, elicitation))

    return body


def _elicitation(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        setting(lines, table, "priority")
        setting(lines, table, "impact")
        if table.get("consequences"):
            lines.add("consequences")
        for each in table.get("consequences", []):
            action = ""
            if "action" in each:
                kind = each["actionType"] if "actionType" in each else quoted(each["actionTypeText"])
                action = f" action {quoted(each['action'])} {kind}"
            lines.add(f"\t{each['type']} {quoted(each['text'])}{action}")

    return body


def _epic(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        if "value" not in table:
            return
        lines.add(f"As a {name(table['stakeholder'])} I value {quoted(table['value'])} as demonstrated in")
        for key, phrase in (("realized", "realization of"), ("reduced", "reduction of")):
            for text in table[key]:
                lines.add(f"{phrase} {quoted(text)}")

    return body


def _narrative(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        lines.add(f"When the SOI executes {quoted(table['feature'])},")
        lines.add(f"stakeholders expect it to promote, protect or create {quoted(table['promoted'])},")
        lines.add(f"possibly degrading or prohibiting {quoted(table['harmed'])}")
        lines.add(
            "with the following externally observable and/or internally auditable behavior: "
            f"{quoted(table['behaviour'])}"
        )

    return body


def _weighting(lines: Lines, table: Facts) -> Callable[[], None]:
    def body() -> None:
        lines.add(f"In the context of the SOI, stakeholder {name(table['stakeholder'])}")
        lines.add(f"values {quoted(table['value'])} more than {quoted(table['lessValue'])}")
        lines.add(f"expecting benefits such as {quoted(table['benefits'])}")
        lines.add(f"running the risk of harms such as {quoted(table['harms'])}")

    return body
