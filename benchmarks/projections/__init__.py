"""What a question to a read model costs: a filtered and sorted page of a million rows, beside the query by hand."""

from benchmarks.areas import Area, Measurement, Times, Variant

_PACKAGES = ("remit", "msgspec", "uvloop")
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


_PARTS = [_paging(store, place) for store, place in _PLACES.items()]

AREA = Area(
    name="projections",
    title="Read models: the open shipments of one of a thousand couriers, newest first, 50 from a place on",
    variants=tuple(variant for variants, _ in _PARTS for variant in variants),
    measurements=tuple(measurement for _, measurement in _PARTS),
    notes=(
        (
            "One caller; every second page is the one behind a first page. By hand is a table with the same four "
            "columns and an index on courier, time and shipment, a keyset query on asyncpg or sqlite3, and a dataclass "
            "for each row. It has no cursor that can be handed out, and no check of what is asked."
        ),
        "SQL writes the rows before the measurement, in the form in which remit stores them. --rows is their number.",
    ),
)
