"""The limit of one command after another from Python: remit's two statements on asyncpg, and nothing around them.

The first looks up the idempotency row and the order, the second commits. The values are finished texts: nothing is
encoded, decoded or decided.
"""

from typing import Any

import asyncpg

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.orders import placement
from benchmarks.sqlite.ours import sales
from remit import System
from remit.stores.postgres.lookups import RECALL

_COMMIT = """
    SELECT * FROM sales.remit_commit_one('sales.Order', $1, $2, $3, '', $4, $5, $6, 1750000000,
        ARRAY[0], ARRAY[$7::int], ARRAY[1], ARRAY[$1], ARRAY[$8], ARRAY['sales.Placed'], ARRAY[1],
        ARRAY[1750000000::float8], ARRAY['{"cause":"request-0000000000","trace":"request-0000000000"}'], ARRAY[$9])
"""
_LINES = """"lines":[{"sku":"SKU-00001","quantity":1,"price":1990},{"sku":"SKU-00002","quantity":2,"price":2090},\
{"sku":"SKU-00003","quantity":3,"price":2190}],"total":12740"""
_PAYLOAD = f'{{"order":"order-0000000001","customer":"customer-000001",{_LINES}}}'
_BODY = f'{{"id":"order-0000000001","customer":"customer-000001",{_LINES},"changes":1}}'


async def _measured(work: Work, url: str) -> Sample:
    async with System("shop", contexts=[sales]).connect(store=url):
        pass  # makes the tables
    connection: Any = await asyncpg.connect(url, server_settings={"search_path": "sales", "enable_seqscan": "off"})
    recall, commit = await connection.prepare(RECALL.one), await connection.prepare(_COMMIT)

    async def place(number: int) -> None:
        asked = placement(number)
        ((_, known, _, version, _),) = await recall.fetch("", asked.key, "sales.Order", asked.order)
        values = (asked.order, version or 0, _BODY, asked.key, b"0123456789abcdef", f'"{asked.order}"')
        ((_, lost, *_),) = await commit.fetch(*values, number % 16, f"{number:032x}", _PAYLOAD)
        if known or lost:
            raise RuntimeError(f"command {number} was not committed")

    sample = await loops.tasks_in_flight(work, 1, place)
    await connection.close()
    return sample


def run_1(work: Work) -> Sample:
    with running_server(work) as server:
        return sampling.run_async(_measured(work, server.url()))
