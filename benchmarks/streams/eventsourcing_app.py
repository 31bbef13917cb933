"""eventsourcing: an account over its SQLite and its PostgreSQL recorder. A request is an aggregate of its own, as in
`sqlite/eventsourcing_app.py`, and is saved with the account in one transaction. Callers are threads."""

import threading
import time
import uuid
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event

from benchmarks import loops, sampling
from benchmarks.postgres.server import running_server
from benchmarks.sampling import Sample, Work
from benchmarks.sqlite.eventsourcing_app import Request
from benchmarks.streams.payments import LONG, Payment, payment
from tests.servers.ports import HOST


class Account(Aggregate):
    @event("Opened")
    def __init__(self, account: str) -> None:
        self.account = account
        self.cents = 0
        self.payments = 0
        self.last = ""

    @staticmethod
    def create_id(account: str) -> uuid.UUID:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"/accounts/{account}")

    @event("Paid")
    def pay(self, cents: int, note: str) -> None:
        self.cents, self.payments, self.last = self.cents + cents, self.payments + 1, note


class Bank(Application[uuid.UUID]):
    one_writer: AbstractContextManager[object] = threading.Lock()

    def pay(self, command: Payment) -> int:
        known: Any = self.find(Request.create_id(command.key))
        if known is not None:
            return int(known.outcome)
        account = self.find(Account.create_id(command.account)) or Account(command.account)
        account.pay(command.cents, command.note)
        with self.one_writer:
            self.save(account, Request(command.key, str(account.cents)))
        return int(account.cents)

    def find(self, id: uuid.UUID) -> Any:
        try:
            return self.repository.get(id)
        except AggregateNotFoundError:
            return None


class Unlocked(Bank):
    one_writer = nullcontext()


class WithSnapshots(Bank):
    is_snapshotting_enabled = True


def _in_file(work: Work, in_flight: int) -> dict[str, str]:
    return {
        "PERSISTENCE_MODULE": "eventsourcing.sqlite",
        "SQLITE_DBNAME": f"file:{work.folder / 'bank.db'}",
        "POOL_SIZE": str(in_flight),
    }


def _sqlite(work: Work, in_flight: int) -> Sample:
    with Bank(env=_in_file(work, in_flight)) as bank:
        return loops.threads_in_flight(work, in_flight, lambda number: bank.pay(payment(number)))


def _postgres(work: Work, in_flight: int) -> Sample:
    with running_server(work) as server:
        environment = {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": "postgres",
            "POSTGRES_HOST": HOST,
            "POSTGRES_PORT": str(server.port),
            "POSTGRES_USER": "postgres",
            "POSTGRES_PASSWORD": "none",
            "POSTGRES_POOL_SIZE": str(min(in_flight, 8)),
            "POSTGRES_MAX_OVERFLOW": "0",
            "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
        }
        with Unlocked(env=environment) as bank:
            return loops.threads_in_flight(work, in_flight, lambda number: bank.pay(payment(number)))


def sqlite_1(work: Work) -> Sample:
    return _sqlite(work, 1)


def sqlite_32(work: Work) -> Sample:
    return _sqlite(work, 32)


def postgres_1(work: Work) -> Sample:
    return _postgres(work, 1)


def postgres_32(work: Work) -> Sample:
    return _postgres(work, 32)


def _load(work: Work, *, snapshot: bool) -> Sample:
    times, taken = work.pick(LONG, 1000), list[float]()
    with (WithSnapshots if snapshot else Bank)(env=_in_file(work, 1)) as bank:
        account = Account("long")
        for number in range(times):
            account.pay(1, f"invoice {number:010d}")
        bank.save(account)
        id = Account.create_id("long")
        if snapshot:
            bank.take_snapshot(id)
        before = sampling.resident_mib()
        for _ in range(work.pick(15, 2)):
            begun = time.perf_counter()
            assert bank.find(id).cents == times
            taken.append((time.perf_counter() - begun) * 1e3)
        details = {"grown_mib": sampling.resident_mib() - before, "peak_mib": sampling.peak_mib()}
    return Sample(sorted(taken)[len(taken) // 2], details)


def load_with_snapshot(work: Work) -> Sample:
    return _load(work, snapshot=True)


def load_without_snapshot(work: Work) -> Sample:
    return _load(work, snapshot=False)
