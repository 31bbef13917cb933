"""No two messages share a wire name and version."""

from remit import Context, Query
from tests.checks.shop import Count, checked, count, only


def test_message_collision() -> None:
    class Other(Query[int], name="Count"): ...

    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Other)
    async def other(query: Other) -> int:
        return 1

    finding = only(checked(sales))
    assert finding.code == "message.collision"
    assert "share the wire name sales.Count version 1" in finding.what


def test_versions_of_one_name_do_not_collide() -> None:
    class Newer(Query[int], name="Count", version=2): ...

    sales = Context("sales")
    sales.answer(Count)(count)

    @sales.answer(Newer)
    async def newer(query: Newer) -> int:
        return 1

    assert checked(sales) == []
