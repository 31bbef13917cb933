"""What read models cost: to catch up with a log, to show what was committed, and to answer with a page of rows."""

from benchmarks.areas import Area, AtMost, Measurement, Times, Variant

_PACKAGES = ("remit", "msgspec", "uvloop")
_PEER = ("eventsourcing", "psycopg")
_PLACES = {"SQLite": "sqlite", "PostgreSQL": "postgres"}


def _paging(store: str, place: str) -> tuple[tuple[Variant, ...], Measurement]:
    ours, hand = f"remit, page, {store}", f"by hand, page, {store}"
    variants = (
        Variant(ours, f"benchmarks.projections.pages:{place}_remit", packages=_PACKAGES),
        Variant(hand, f"benchmarks.projections.pages:{place}_hand", packages=("asyncpg",)),
    )
    return variants, Measurement(
        name=f"page of 50 of a million rows, {store}", unit="pages/s", ours=ours, limits=(hand,),
        targets=(Times(hand, 1 / 1.5),),
    )  # fmt: skip


def _folding() -> tuple[tuple[Variant, ...], tuple[Measurement, ...]]:
    """Catching up with a log that is there: documents and rows on both stores, and the peer on PostgreSQL."""
    peer = "eventsourcing, runner"
    variants, measured = [Variant(peer, "benchmarks.projections.eventsourcing_app:postgres", packages=_PEER)], []
    for store, place in _PLACES.items():
        limits = {what: f"{what}, {store}" for what in ("read and decode", "fold and upsert", "set-based SQL")}
        functions = ("read", "fold", "aggregate")
        hand = [
            Variant(name, f"benchmarks.projections.by_hand:{place}_{function}")
            for name, function in zip(limits.values(), functions, strict=True)
        ]
        ours = {kind: f"remit, {kind}, {store}" for kind in ("documents", "rows")}
        variants += [
            *(Variant(name, f"benchmarks.projections.folding:{place}_{kind}", packages=_PACKAGES)
              for kind, name in ours.items()),
            *hand,
        ]  # fmt: skip
        peers = (peer,) if place == "postgres" else ()
        for kind, name in ours.items():
            targets = (*(Times(each, 60) for each in peers), Times(limits["set-based SQL"], 0.8))
            measured.append(
                Measurement(f"folding {kind}, {store}", "events/s", name, peers, tuple(limits.values()),
                            targets if kind == "documents" else ())
            )  # fmt: skip
    own = "remit, own SQL, PostgreSQL"
    variants.append(Variant(own, "benchmarks.projections.folding:postgres_tables", packages=_PACKAGES))
    measured.append(Measurement("own SQL, PostgreSQL", "events/s", own, (peer,), targets=(Times(peer, 8),)))
    return tuple(variants), tuple(measured)


def _rebuilding() -> tuple[tuple[Variant, ...], tuple[Measurement, ...]]:
    """`remit rebuild` of documents and rows on both stores, beside the catch-up of the peer's runner."""
    peer = "eventsourcing, runner"
    variants, measured = list[Variant](), list[Measurement]()
    for store, place in _PLACES.items():
        for kind, function in {"documents": "rebuild", "rows": "rebuild_of_rows"}.items():
            ours = f"remit, rebuild of {kind}, {store}"
            run = f"benchmarks.projections.folding:{place}_{function}"
            variants.append(Variant(ours, run, packages=_PACKAGES))
            measured.append(
                Measurement(f"rebuild of {kind}, {store}", "events/s", ours, (peer,), targets=(Times(peer, 80),))
            )
    return tuple(variants), tuple(measured)


def _visible() -> tuple[tuple[Variant, ...], tuple[Measurement, ...]]:
    """From the reply of a command until the read model shows it."""
    peer = "eventsourcing, visible"
    variants, measured = [Variant(peer, "benchmarks.projections.eventsourcing_app:postgres_visible")], []
    for store, place in _PLACES.items():
        ours = f"remit, visible, {store}"
        variants.append(Variant(ours, f"benchmarks.projections.folding:{place}_visible"))
        peers = (peer,) if place == "postgres" else ()
        measured.append(
            Measurement(f"commit to visible, p50, {store}", "ms", ours, peers, targets=(AtMost(5.0),),
                        less_is_better=True)
        )  # fmt: skip
    return tuple(variants), tuple(measured)


_PAGES = [_paging(store, place) for store, place in _PLACES.items()]
_FOLDING, _REBUILDING, _VISIBLE = _folding(), _rebuilding(), _visible()

AREA = Area(
    name="projections",
    title="Read models: catching up with a log, from a commit to the model, and pages of rows",
    variants=(
        *_FOLDING[0],
        *_REBUILDING[0],
        *_VISIBLE[0],
        *(variant for variants, _ in _PAGES for variant in variants),
    ),
    measurements=(*_FOLDING[1], *_REBUILDING[1], *_VISIBLE[1], *(measurement for _, measurement in _PAGES)),
    notes=(
        (
            "Folding: four events for each order, of 64 orders at a time, about 300 bytes each; as many events as a "
            "fifth of --rows. remit is measured from the start of its system to an answer that has seen all. It reads "
            "16 partitions, which keep an order for each key. By hand there is one sequence, and nothing that parks or "
            "compares. eventsourcing folds a 32nd of the events: it commits each by itself."
        ),
        (
            "Rebuild: remit rebuild with --pause 0 of the same log, from open stores to the switch, with the check of "
            "the new version; no service runs beside it. The peer is its catch-up on PostgreSQL, also beside SQLite, "
            "where it has no subscriptions."
        ),
        (
            "Own SQL: a reaction that asks for Sql, one statement for each event, as eventsourcing has; a fifth of the "
            "events."
        ),
        (
            "Commit to visible: the time from the reply of a command to an answer that shows it, asked time and again; "
            "or from the end of a save to the end of runner.wait. eventsourcing has no subscriptions on SQLite."
        ),
        (
            "Pages: one caller asks for the open shipments of one of a thousand couriers, newest first; every second "
            "page is the one behind a first page. By hand is a table with the same four "
            "columns and an index on courier, time and shipment, a keyset query on asyncpg or sqlite3, and a dataclass "
            "for each row. It has no cursor that can be handed out, and no check of what is asked."
        ),
        "SQL writes log and rows before the measurement, in the form in which remit stores them. --rows is how many.",
    ),
)
