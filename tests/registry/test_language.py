"""Language documents: which words they define, which names they mention, and what words mean side by side."""

from pathlib import Path

import pytest

from remit.registry.glossary import differing, glossary_of
from remit.registry.language import Language, Term, key_of, read_language


def read(text: str, context: str = "sales") -> Language:
    return read_language(context, f"{context}.md", text)


def words(text: str) -> list[tuple[str, str]]:
    return [(term.word, term.meaning) for term in read(text).terms]


TABLE = """
# The language of sales

| Term | Since | Definition |
|:-----|-------|------------|
| **order** | 2020 | what a customer *wants*, see [orders](orders.md) |
| `either` | 2021 | a \\| b |
|  | | nothing |

| code | meaning |
|---|---|
| 17 | no term |
"""


def test_a_table_of_words_and_meanings_defines_words() -> None:
    assert words(TABLE) == [("order", "what a customer wants, see orders"), ("either", "a | b")]
    assert read(TABLE).terms[0].line == 6


def test_a_definition_list_defines_words() -> None:
    text = "**Order**\n: what a customer wants\n\nItem\n\n: one line of it\n\nNo term.\n\nMore.\n"
    assert words(text) == [("Order", "what a customer wants"), ("Item", "one line of it")]


@pytest.mark.parametrize("fence", ["```", "~~~~"])
def test_what_stands_in_a_block_of_code_is_no_word(fence: str) -> None:
    text = f"{fence}md\n| word | meaning |\n|---|---|\n| a | b |\n{fence}\nitem\n: a thing\n"
    assert words(text) == [("item", "a thing")]
    assert not read(text).mentions("meaning")


@pytest.mark.parametrize(
    "text", ["", "\n", "|", "| word | meaning |", "|---|---|", ": x", "```", "| word |\n|---|\n| a |"]
)
def test_a_text_without_words_defines_none(text: str) -> None:
    assert words(text) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Items", "item"), ("CourseRecord", "course records"), ("Currency", "currencies"), ("order-line", "OrderLines"),
        ("Größe", "größe"), ("HTTPRequest", "http request"), ("Placed", "place"), ("cancelled", "Cancel"),
    ],
)  # fmt: skip
def test_forms_of_one_word_are_one_word(one: str, other: str) -> None:
    assert key_of(one) == key_of(other)


@pytest.mark.parametrize(("one", "other"), [("item", "order"), ("bus", "bu"), ("order", "order line")])
def test_other_words_are_others(one: str, other: str) -> None:
    assert key_of(one) != key_of(other)


@pytest.mark.parametrize("name", ["OrderPlaced", "order_lines", "placed_at", "id", "PlaceOrder", "AmountCents"])
def test_a_name_is_mentioned_if_the_document_has_its_words(name: str) -> None:
    assert read("An order has lines. It is placed once. Amounts are cents.").mentions(name)


@pytest.mark.parametrize("name", ["OrderShipped", "price", "line_price"])
def test_a_name_with_another_word_is_not_mentioned(name: str) -> None:
    assert not read("An order has lines. It is placed once.").mentions(name)


def test_words_with_several_meanings_stand_side_by_side() -> None:
    catalog = read("Item\n: what can be bought\n\nSKU\n: a number\n", "catalog")
    cart = read("items\n: what and how many\n\nSKU\n: A  number\n", "cart")
    found = glossary_of([catalog, cart])
    assert [(word.word, word.differs, word.is_shared) for word in found] == [("Item", True, True), ("SKU", False, True)]
    (item,) = differing(found)
    assert [(each.context, each.meaning, each.where) for each in item.meanings] == [
        ("catalog", "what can be bought", "catalog.md:1"),
        ("cart", "what and how many", "cart.md:1"),
    ]


def test_the_documents_of_the_examples_define_words() -> None:
    documents = sorted((Path(__file__).parents[2] / "examples").rglob("language.md"))
    assert len(documents) >= 6
    for path in documents:
        assert len(read(path.read_text()).terms) >= 3, path


def test_a_term_is_found_by_any_form_of_its_word() -> None:
    language = read("course record\n: what one student does\n")
    assert language.term("CourseRecords") == Term("course record", "what one student does", 1)
    assert language.term("Course") is None
