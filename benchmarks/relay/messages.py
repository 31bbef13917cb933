"""What is relayed, and where to: the same payloads for everybody, and a server of the benchmark's own."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.sampling import Work
from tests.servers.nats import NatsServer, nats_server

PARTITIONS = 16


def count(work: Work) -> int:
    """How many messages a fast relay is given."""
    return work.pick(40_000, 1_000)


def key(number: int) -> str:
    return f"customer-{number % 10_000:06d}"


def payload(number: int) -> bytes:
    """An order: some 160 bytes."""
    return (
        b'{"number":%d,"order":"order-%010d","customer":"%b","amount":1990,'
        b'"lines":[{"sku":"sku-0001","quantity":2,"price":995}],"currency":"EUR"}'
        % (number, number, key(number).encode())
    )


@contextmanager
def running_server(work: Work) -> Iterator[NatsServer]:
    with nats_server(work.folder / "nats", sync=False) as server:
        yield server
