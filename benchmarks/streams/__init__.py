"""What an event-sourced aggregate costs: a command beside the same command on state, and loading a long stream."""

from benchmarks.areas import Area, Measurement, Times, Variant

_PACKAGES = ("remit", "msgspec", "uvloop")
_PLACES = {"SQLite": "sqlite", "PostgreSQL": "postgres"}
_LOADS = {"with a snapshot": "load_with_snapshot", "without a snapshot": "load_without_snapshot"}


def _command(store: str, place: str, in_flight: int) -> tuple[tuple[Variant, ...], Measurement]:
    """The variants of one measurement, and the measurement."""
    name = f"{store}, {in_flight} in flight"
    ours, state, peer = f"remit, events, {name}", f"remit, state, {name}", f"eventsourcing, {name}"
    variants = (
        Variant(ours, f"benchmarks.streams.ours:{place}_events_{in_flight}", packages=_PACKAGES),
        Variant(state, f"benchmarks.streams.ours:{place}_state_{in_flight}"),
        Variant(peer, f"benchmarks.streams.eventsourcing_app:{place}_{in_flight}", packages=("eventsourcing",)),
    )
    targets = (Times(state, 1 / 1.3), *([Times(peer, 8)] if in_flight > 1 else []))
    return variants, Measurement(
        name=f"event-sourced command, {name}", unit="commands/s", ours=ours, peers=(peer,), limits=(state,),
        targets=targets,
    )  # fmt: skip


def _loading(how: str, function: str) -> tuple[tuple[Variant, ...], Measurement]:
    ours, peer = f"remit, load {how}", f"eventsourcing, load {how}"
    variants = (
        Variant(ours, f"benchmarks.streams.ours:{function}", packages=_PACKAGES),
        Variant(peer, f"benchmarks.streams.eventsourcing_app:{function}", packages=("eventsourcing",)),
    )
    return variants, Measurement(
        name=f"loading 10,000 events {how}", unit="ms", ours=ours, peers=(peer,), less_is_better=True
    )


_PARTS = [
    *(_command(store, place, in_flight) for store, place in _PLACES.items() for in_flight in (32, 1)),
    *(_loading(how, function) for how, function in _LOADS.items()),
]

AREA = Area(
    name="streams",
    title="Event-sourced aggregate: 'pay into an account' with an idempotency key, twenty payments for each account",
    variants=tuple(variant for variants, _ in _PARTS for variant in variants),
    measurements=tuple(measurement for _, measurement in _PARTS),
    notes=(
        (
            "Everybody reads the idempotency row and the account, and commits in one transaction. remit writes the "
            "event, the head with its snapshot or the state, and the outcome. eventsourcing writes the event and an "
            "aggregate for the request; it takes no snapshots here, as twenty events are few."
        ),
        (
            "Only the variants with 32 in flight have a target against eventsourcing: with one caller both wait for "
            "the disk, once per command."
        ),
        (
            "Loading is on SQLite, in milliseconds for one query or one repository.get. Without a snapshot remit reads "
            "1,000 events at a time; eventsourcing reads all of them."
        ),
    ),
)
