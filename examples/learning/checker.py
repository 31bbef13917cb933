"""Counts, from outside, what the platform has kept: opens the four SQLite files read-only and knows nothing of `remit`.

    python -m learning.checker DATA_DIRECTORY
    python -m learning.checker postgresql://USER@HOST/DATABASE     # the four schemas, read by learning.checker_postgres

What must hold once everything is at rest: one invoice per enrollment, one certificate per completion, everything in
order per student, nothing pending, nothing lost, nothing twice, every checkpoint at the end of its log.
"""

import json
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from learning.driver import Told

CONTEXTS = ("enrollment", "billing", "learning", "certification")
PRIVATE, PUBLISHED = 0, 1


class Follower(NamedTuple):
    """Who follows which log. The checkpoints lie in the store of the context that follows."""

    context: str
    name: str
    source: str
    channel: int


REACTIONS = (
    Follower("enrollment", "settle_what_is_pending", "enrollment", PRIVATE),
    Follower("billing", "refund", "enrollment", PUBLISHED),
    Follower("learning", "follow_enrollment", "enrollment", PUBLISHED),
    Follower("certification", "issue_certificate", "learning", PUBLISHED),
)
PROJECTIONS = (
    Follower("enrollment", "EnrollmentsOf", "enrollment", PRIVATE),
    Follower("billing", "InvoicesOf", "billing", PRIVATE),
    Follower("learning", "TranscriptOf", "learning", PRIVATE),
    Follower("learning", "StudentInCourse", "learning", PRIVATE),
    Follower("certification", "CertificatesOf", "certification", PRIVATE),
)


Rows = Iterable[Iterable[Any]]


class Message(NamedTuple):
    part: int
    pos: int
    id: str
    prev: str
    key: str
    type: str
    payload: Any


@dataclass
class Kept:
    """One store: its log by channel, its state by kind and identity, its checkpoints, its parked messages."""

    log: dict[int, list[Message]]
    state: dict[str, dict[str, Any]]
    checkpoints: dict[tuple[str, str, int], dict[int, tuple[int, str]]]
    parked: int
    streams: dict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    """The identities of aggregates that are stored as their events. Their state is the snapshot beside the stream."""

    @classmethod
    def nothing(cls) -> "Kept":
        """A store that is not there yet."""
        return cls({PRIVATE: [], PUBLISHED: []}, defaultdict(dict), defaultdict(dict), 0)

    def take(self, log: Rows, state: Rows, checkpoints: Rows, parked: Rows, students: Rows = ()) -> None:
        """Takes up the rows of a store, in the order of `QUERIES`, and those of `STUDENTS` where it has them."""
        for channel, *columns, payload in log:
            self.log[channel].append(Message._make([*columns, json.loads(payload)]))
        for kind, id, body in state:
            name, kept = kind.partition(".")[2], json.loads(body)
            if kept.keys() == STREAM:
                self.streams[name].add(id)
            self.state[name][id] = kept["state"] if kept.keys() == STREAM else kept
        for subscription, source, channel, part, pos, id in checkpoints:
            self.checkpoints[subscription, source, channel][part] = (pos, id)
        self.parked = sum(count for (count,) in parked)
        for id, body in students:
            self.state["StudentInCourse"][id] = json.loads(body)

    def events(self, channel: int, name: str) -> list[Any]:
        """The payloads of one type, in log order (which means something within a key only)."""
        return [message.payload for message in self.log[channel] if message.type.endswith(f".{name}")]

    def heads(self, channel: int) -> dict[int, tuple[int, str]]:
        """Position and identity of the last message by partition."""
        return {message.part: (message.pos, message.id) for message in self.log[channel]}


QUERIES = (
    "SELECT channel, part, pos, id, prev, key, type, payload FROM log ORDER BY channel, part, pos",
    "SELECT kind, id, body FROM state",
    "SELECT subscription, source, channel, part, pos, id FROM checkpoint",
    "SELECT count(*) FROM parked",
)
"""What is read of a store, as `Kept.take` takes it."""
TABLE = "row_StudentInCourse_1"
STUDENTS = f'SELECT id, body FROM "{TABLE}"'  # noqa: S608  our own
"""The row model of learning."""
STREAM = {"schema", "events", "life", "state"}
"""What stands in the row of an event-sourced aggregate; the state of another one has an `id`."""


def at_a_glance(queries: Sequence[str]) -> Sequence[str]:
    """The same for `owed` alone: of each partition the last message, and of the states those that are pending."""
    log, state, *others = queries
    table = log.partition(" FROM ")[2].partition(" ")[0]
    newest = f"(SELECT channel, part, max(pos) AS pos FROM {table} GROUP BY channel, part) newest"  # noqa: S608  our own
    log = log.replace(f"FROM {table}", f"FROM {table} JOIN {newest} USING (channel, part, pos)")
    return log, f"{state} WHERE body LIKE '%\"pending\"%'", *others


def read(data: Path, *, glance: bool = False) -> dict[str, Kept]:
    """The four stores by context, with `glance` just enough for `owed`. One that does not exist yet is empty."""
    queries = at_a_glance(QUERIES) if glance else QUERIES
    return {context: _read(data / f"{context}.db", queries) for context in CONTEXTS}


def _read(file: Path, queries: Sequence[str]) -> Kept:
    kept = Kept.nothing()
    if not file.exists():
        return kept
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        store.execute("BEGIN")  # one snapshot for all tables
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
        if "letter" not in tables:
            return kept  # killed before the tables were there
        wanted = [*queries, STUDENTS] if TABLE in tables else queries
        kept.take(*(store.execute(query) for query in wanted))
    return kept


def owed(stores: dict[str, Kept]) -> dict[str, int]:
    """What was committed while its consequence was not: messages by reaction, and pending enrollments."""
    owed: Counter[str] = Counter()
    for follower in REACTIONS:
        done = _checkpoints(stores, follower)
        for part, (pos, _) in stores[follower.source].heads(follower.channel).items():
            owed[follower.name] += pos - done.get(part, (0, ""))[0]
    enrollments = stores["enrollment"].state["Enrollment"].values()
    owed["pending enrollments"] = sum(enrollment["status"] == "pending" for enrollment in enrollments)
    return {what: count for what, count in owed.items() if count}


def check(stores: dict[str, Kept], told: Sequence[Told] = ()) -> list[str]:
    """Everything that does not hold, in words. With `told`, also what students were told and the stores do not say."""
    rules = (logs, at_rest, invoices, records, streams, scores, certificates, order, read_models)
    return [finding for rule in rules for finding in rule(stores)] + list(promises(stores, told))


def logs(stores: dict[str, Kept]) -> Iterator[str]:
    """Logs have no holes, and each message names the one before."""
    for context, kept in stores.items():
        for channel, messages in kept.log.items():
            last: dict[int, tuple[int, str]] = {}
            for message in messages:
                pos, id = last.get(message.part, (0, ""))
                if (message.pos, message.prev) != (pos + 1, id):
                    yield f"{context} log {channel}/{message.part}: {message.pos} comes after {pos}"
                last[message.part] = (message.pos, message.id)


def at_rest(stores: dict[str, Kept]) -> Iterator[str]:
    """Every checkpoint is at the end of its log, nothing is parked, nothing is pending."""
    for follower in (*REACTIONS, *PROJECTIONS):
        done, heads = _checkpoints(stores, follower), stores[follower.source].heads(follower.channel)
        if done != heads:
            yield f"{follower.name} stands at {done}, {follower.source} ends at {heads}"
    for context, kept in stores.items():
        if kept.parked:
            yield f"{context} has {kept.parked} parked keys"
    for id, enrollment in stores["enrollment"].state["Enrollment"].items():
        if enrollment["status"] == "pending":
            yield f"enrollment {id} is pending"


def invoices(stores: dict[str, Kept]) -> Iterator[str]:
    """A confirmed enrollment has one invoice, which stands; a withdrawn one has none, or one that was refunded once."""
    enrollments = stores["enrollment"].state["Enrollment"]
    issued = Counter(event["enrollment"] for event in stores["billing"].events(PRIVATE, "Issued"))
    refunded = Counter(event["enrollment"] for event in stores["billing"].events(PRIVATE, "Refunded"))
    for id, enrollment in enrollments.items():
        wanted = [(1, 0)] if enrollment["status"] == "confirmed" else [(0, 0), (1, 1)]
        if (issued[id], refunded[id]) not in wanted:
            yield f"{enrollment['status']} enrollment {id} has {issued[id]} invoices, {refunded[id]} refunds"
    for id in (issued.keys() | refunded.keys()) - enrollments.keys():
        yield f"an invoice or a refund for {id}, which is no enrollment"
    accounts = stores["billing"].state["Account"].values()
    billed = Counter(id for account in accounts for id in account["invoices"])
    yield from _same("invoices", "issued", issued, "in the accounts", billed)


def records(stores: dict[str, Kept]) -> Iterator[str]:
    """Who comes and goes is published once, and every student who was enrolled has one record."""
    enrollment, learning = stores["enrollment"], stores["learning"]
    for private, published in (("Confirmed", "StudentEnrolled"), ("Withdrawn", "EnrollmentWithdrawn")):
        yield from _same(
            published,
            "decided",
            Counter(event["enrollment"] for event in enrollment.events(PRIVATE, private)),
            "published",
            Counter(event["enrollment"] for event in enrollment.events(PUBLISHED, published)),
        )
    enrolled = Counter(event["enrollment"] for event in enrollment.events(PUBLISHED, "StudentEnrolled"))
    opened = Counter(event["enrollment"] for event in learning.events(PRIVATE, "Opened"))
    yield from _same("course records", "enrolled", enrolled, "opened", opened)
    yield from _same("course records", "opened", opened, "kept", Counter(learning.state["CourseRecord"].keys()))


def streams(stores: dict[str, Kept]) -> Iterator[str]:
    """A course record is what its events make it: here they are applied once more, by somebody else."""
    learning = stores["learning"]
    made: dict[str, dict[str, Any]] = defaultdict(lambda: {"scores": {}, "completed_at": None, "closed": False})
    for message in learning.log[PRIVATE]:
        record, event = made[message.key], message.payload
        match message.type.rpartition(".")[2]:
            case "adopted":  # it was stored as state until then
                record.update({name: event[name] for name in record})
            case "Opened":
                record.update(student=event["student"], course=event["course"])
            case "ModuleCompleted":
                record["scores"][event["module"]] = event["score"]
            case "Completed":
                record["completed_at"] = event["at"]
            case _:
                record["closed"] = True
    for id in sorted(learning.streams["CourseRecord"]):
        kept = learning.state["CourseRecord"][id]
        if (made_of := {name: kept[name] for name in made[id]}) != made[id]:
            yield f"course record {id} is {made_of}; its events make it {made[id]}"


def scores(stores: dict[str, Kept]) -> Iterator[str]:
    """A score is taken once. Nobody gets the same one twice in a module: two are one request, repeated."""
    completed = stores["learning"].events(PRIVATE, "ModuleCompleted")
    taken = Counter((event["enrollment"], event["module"], event["score"]) for event in completed)
    yield from (f"a score was taken {count} times: {score}" for score, count in taken.items() if count > 1)


def certificates(stores: dict[str, Kept]) -> Iterator[str]:
    """One certificate per completion, numbered without gaps."""
    learning, certification = stores["learning"], stores["certification"]
    finished = Counter(
        (record["student"], record["course"], record["completed_at"])
        for record in learning.state["CourseRecord"].values()
        if record["completed_at"]
    )
    published = Counter(_completion(event) for event in learning.events(PUBLISHED, "CourseCompleted"))
    issued = certification.events(PRIVATE, "CertificateIssued")
    yield from _same("completions", "kept", finished, "published", published)
    yield from _same("certificates", "completed", published, "issued", Counter(map(_completion, issued)))
    if sorted(event["number"] for event in issued) != list(range(1, len(issued) + 1)):
        yield f"the numbers of {len(issued)} certificates are not 1 to {len(issued)}"
    last = sum(register["last_number"] for register in certification.state["Register"].values())
    if last != len(issued):
        yield f"the register stands at {last}, {len(issued)} certificates were issued"


def order(stores: dict[str, Kept]) -> Iterator[str]:
    """What follows from a student's events happens in the order of these events."""
    enrollment, billing, learning = stores["enrollment"], stores["billing"], stores["learning"]
    refunded = [(event["student"], event["enrollment"]) for event in billing.events(PRIVATE, "Refunded")]
    withdrawn = [(e["student"], e["enrollment"]) for e in enrollment.events(PUBLISHED, "EnrollmentWithdrawn")]
    yield from _in_order("refunds", [pair for pair in withdrawn if pair in set(refunded)], refunded)

    enrolled = [(e["student"], e["enrollment"]) for e in enrollment.events(PUBLISHED, "StudentEnrolled")]
    # By their identities, which are in the order of time: a reaction's clock tells when its event was recorded.
    opened = [message for message in learning.log[PRIVATE] if message.type.endswith(".Opened")]
    opened.sort(key=lambda message: message.id)
    yield from _in_order(
        "course records", enrolled, [(message.payload["student"], message.payload["enrollment"]) for message in opened]
    )

    completed = [(e["student"], e["course"]) for e in learning.events(PUBLISHED, "CourseCompleted")]
    issued = sorted(stores["certification"].events(PRIVATE, "CertificateIssued"), key=lambda e: int(e["number"]))
    yield from _in_order("certificates", completed, [(event["student"], event["course"]) for event in issued])


def read_models(stores: dict[str, Kept]) -> Iterator[str]:
    """What queries answer from is what the aggregates decided."""
    kept = {id: e["status"] for id, e in stores["enrollment"].state["Enrollment"].items()}
    shown = {id: line["status"] for id, line in _lines(stores["enrollment"], "EnrollmentsOf")}
    yield from _same("enrollments", "kept", Counter(kept.items()), "shown", Counter(shown.items()))

    accounts = stores["billing"].state["Account"].values()
    billed = Counter((id, i["id"], i["refunded"]) for account in accounts for id, i in account["invoices"].items())
    lines = Counter((id, i["invoice"], i["refunded"]) for id, i in _lines(stores["billing"], "InvoicesOf"))
    yield from _same("invoices", "kept", billed, "shown", lines)

    held = Counter((id, record["completed_at"]) for id, record in stores["learning"].state["CourseRecord"].items())
    told = Counter((id, line["completed_at"]) for id, line in _lines(stores["learning"], "TranscriptOf"))
    yield from _same("transcripts", "kept", held, "shown", told)

    stands = {id: _standing(record) for id, record in stores["learning"].state["CourseRecord"].items()}
    listed = {
        id: (row["student"], row["course"], row["status"], len(row["scores"]))
        for id, row in stores["learning"].state["StudentInCourse"].items()
    }
    yield from _same("students of courses", "kept", Counter(stands.items()), "shown", Counter(listed.items()))

    certification = stores["certification"]
    issued = Counter(
        (event["student"], event["number"]) for event in certification.events(PRIVATE, "CertificateIssued")
    )
    numbered = Counter(
        (student, certificate["number"])
        for student, document in certification.state["CertificatesOf"].items()
        for certificate in document["certificates"]
    )
    yield from _same("certificates", "issued", issued, "shown", numbered)


def promises(stores: dict[str, Kept], told: Sequence[Told]) -> Iterator[str]:
    """What a student was told is what the stores say."""
    status = {id: enrollment["status"] for id, enrollment in stores["enrollment"].state["Enrollment"].items()}
    completed = {id for id, r in stores["learning"].state["CourseRecord"].items() if r["completed_at"]}
    for student in told:
        for id in student.enrolled:
            wanted = "withdrawn" if id in student.withdrawn else "confirmed"
            if status.get(id) != wanted:
                yield f"{student.student} was told that {id} is {wanted}; it is {status.get(id)}"
        for id in student.refused:
            if status.get(id) != "withdrawn":
                yield f"{student.student} was refused {id}; it is {status.get(id)}"
        for id in set(student.completed) - completed:
            yield f"{student.student} was told that {id} is completed; it is not"
    if told:
        known = {id for student in told for id in (*student.enrolled, *student.refused)}
        yield from (f"nobody asked for enrollment {id}" for id in status.keys() - known)


def counts(stores: dict[str, Kept]) -> dict[str, int]:
    """How much there is of what."""
    enrollment, billing, learning = stores["enrollment"], stores["billing"], stores["learning"]
    status = Counter(e["status"] for e in enrollment.state["Enrollment"].values())
    return {
        "enrollments confirmed": status["confirmed"],
        "enrollments withdrawn": status["withdrawn"],
        "enrollments pending": status["pending"],
        "invoices": len(billing.events(PRIVATE, "Issued")),
        "refunds": len(billing.events(PRIVATE, "Refunded")),
        "courses completed": len(learning.events(PRIVATE, "Completed")),
        "certificates": len(stores["certification"].events(PRIVATE, "CertificateIssued")),
        "messages in the logs": sum(len(log) for kept in stores.values() for log in kept.log.values()),
    }


def _checkpoints(stores: dict[str, Kept], follower: Follower) -> dict[int, tuple[int, str]]:
    subscription = f"{follower.context}.{follower.name}"
    return stores[follower.context].checkpoints.get((subscription, follower.source, follower.channel), {})


def _standing(record: Any) -> tuple[str, str, str, int]:
    status = "completed" if record["completed_at"] else "withdrawn" if record["closed"] else "learning"
    return record["student"], record["course"], status, len(record["scores"])


def _completion(event: Any) -> tuple[str, str, str]:
    return event["student"], event["course"], event["completed_at"]


def _lines(kept: Kept, projection: str) -> Iterator[tuple[str, Any]]:
    for document in kept.state[projection].values():
        yield from document["lines"].items()


def _same(what: str, left: str, one: Counter[Any], right: str, other: Counter[Any]) -> Iterator[str]:
    for item, count in (one - other).items():
        yield f"{what}: {item} is {left} {count} times more than {right}"
    for item, count in (other - one).items():
        yield f"{what}: {item} is {right} {count} times more than {left}"


def _in_order(what: str, causes: Iterable[tuple[str, str]], effects: Iterable[tuple[str, str]]) -> Iterator[str]:
    wanted, found = _by_student(causes), _by_student(effects)
    for student, items in wanted.items():
        if found.get(student) != items:
            yield f"{what} of {student} came as {found.get(student)}, wanted {items}"


def _by_student(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    sorted_out: dict[str, list[str]] = defaultdict(list)
    for student, item in pairs:
        sorted_out[student].append(item)
    return sorted_out


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m learning.checker DATA_DIRECTORY|postgresql://USER@HOST/DATABASE", file=sys.stderr)
        return 2
    if sys.argv[1].startswith("postgresql://"):
        from learning.checker_postgres import read_schemas

        stores = read_schemas(dict.fromkeys(CONTEXTS, sys.argv[1]))
    else:
        stores = read(Path(sys.argv[1]))
    for what, count in counts(stores).items():
        print(f"{count:8} {what}")
    findings = check(stores)
    for finding in findings:
        print(f"WRONG: {finding}")
    print("everything holds" if not findings else f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
