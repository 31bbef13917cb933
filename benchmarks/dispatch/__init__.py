"""What one command costs in the process, when nothing has to be durable."""

from benchmarks.areas import Area, AtMost, Measurement, Times, Variant

_OURS = "remit, memory store"
_LATO_SYNC, _LATO_ASYNC, _CQRS = "lato sync", "lato async", "python-cqrs"
_BY_HAND, _CODEC = "the same rows by hand", "codec, identities and time alone"
_DICT, _DICT_ASYNC = "dict lookup by type", "dict lookup by type, async"

AREA = Area(
    name="dispatch",
    title="Dispatch: command → handler → domain event → event handler",
    variants=(
        Variant(_OURS, "benchmarks.dispatch.ours:run", packages=("remit", "msgspec")),
        Variant(_LATO_SYNC, "benchmarks.dispatch.lato_app:run_sync", packages=("lato", "pydantic")),
        Variant(_LATO_ASYNC, "benchmarks.dispatch.lato_app:run_async", packages=("lato", "pydantic")),
        Variant(_CQRS, "benchmarks.dispatch.cqrs_app:run", packages=("python-cqrs", "di", "dependency-injector")),
        Variant(_BY_HAND, "benchmarks.dispatch.by_hand:run", packages=("msgspec",)),
        Variant(_CODEC, "benchmarks.dispatch.by_hand:run_codec", packages=("msgspec",)),
        Variant(_DICT, "benchmarks.dispatch.limit:run_sync", packages=("msgspec",)),
        Variant(_DICT_ASYNC, "benchmarks.dispatch.limit:run_async", packages=("msgspec",)),
    ),
    measurements=(
        Measurement(
            name="dispatch overhead",
            unit="µs CPU/command",
            ours=_OURS,
            peers=(_LATO_SYNC, _LATO_ASYNC, _CQRS),
            limits=(_BY_HAND, _CODEC, _DICT, _DICT_ASYNC),
            targets=(AtMost(6.0), Times(_LATO_SYNC, 20), Times(_LATO_ASYNC, 20), Times(_CQRS, 20)),
            less_is_better=True,
        ),
    ),
    notes=(
        (
            "CPU time of the process: nothing here waits, and other work on the machine would only add noise to "
            "the clock."
        ),
        (
            "Everybody finds an order by its id among 1,000 (or makes it), changes it, keeps it encoded under a "
            "checked version, appends the encoded event to a log with identity, position and time, and gives it "
            "to one handler."
        ),
        (
            "Ours has besides, always on: a deadline per command, headers with cause and trace, partitions in "
            "which each event names its predecessor, and the bell that wakes subscriptions. Peers run without all "
            "of these."
        ),
        (
            "lato: callbacks that begin and commit the unit of work, one middleware that takes the time. "
            "python-cqrs: the same as a generator in a scope per command, one middleware besides its own for "
            "logging, no broker."
        ),
        (
            "What bounds ours: 'the same rows by hand' writes what ours writes in one function without anything "
            "general; 'codec, identities and time alone' is the part of it that nobody can leave out (order decoded "
            "and encoded, event encoded, two identities, the time). A ratio beyond a peer divided by these is out of "
            "reach in Python."
        ),
        (
            "The dicts keep orders as objects and have no log, no versions and no unit of work: they show the "
            "price of Python itself, not what anybody could reach who keeps a promise."
        ),
    ),
)
