"""What a call to another process costs: over NATS, and through the HTTP edge."""

from benchmarks.areas import Area, Measurement, Times, Variant

_NATS, _NATS_32 = "remit over NATS", "remit over NATS, 32 at once"
_HTTP, _HTTP_32 = "remit over HTTP", "remit over HTTP, 32 at once"
_PROVED, _PROVED_32 = "remit over HTTP, proved by keys", "remit over HTTP, proved by keys, 32 at once"
_RAW, _RAW_32 = "nats-py request", "nats-py request, 32 at once"
_EDGE = "remit run, HTTP edge"
_FASTAPI, _QUIET = "FastAPI on uvicorn", "FastAPI on uvicorn, no access log"
_GRANIAN, _UVICORN = "bare ASGI on granian", "bare ASGI on uvicorn"

_NATS_PACKAGES = ("nats-py", "msgspec", "uvloop")
_HTTP_PACKAGES = ("aiohttp", "msgspec", "uvloop")
_SERVER_PACKAGES = ("uvicorn", "httptools", "uvloop")

AREA = Area(
    name="calls",
    title="Calls to another process: an order of 120 bytes in, a small answer out",
    variants=(
        Variant(_NATS, "benchmarks.calls.ours_nats:one", packages=("remit", *_NATS_PACKAGES)),
        Variant(_RAW, "benchmarks.calls.nats_raw:one", packages=_NATS_PACKAGES),
        Variant(_NATS_32, "benchmarks.calls.ours_nats:many", packages=("remit", *_NATS_PACKAGES)),
        Variant(_RAW_32, "benchmarks.calls.nats_raw:many", packages=_NATS_PACKAGES),
        Variant(_PROVED, "benchmarks.calls.ours_http:one_proved", packages=("remit", *_HTTP_PACKAGES, "cryptography")),
        Variant(_HTTP, "benchmarks.calls.ours_http:one", packages=("remit", *_HTTP_PACKAGES)),
        Variant(
            _PROVED_32, "benchmarks.calls.ours_http:many_proved", packages=("remit", *_HTTP_PACKAGES, "cryptography")
        ),
        Variant(_HTTP_32, "benchmarks.calls.ours_http:many", packages=("remit", *_HTTP_PACKAGES)),
        Variant(_EDGE, "benchmarks.calls.edges:remit", packages=("remit", *_SERVER_PACKAGES)),
        Variant(_FASTAPI, "benchmarks.calls.edges:fastapi", packages=("fastapi", "pydantic", *_SERVER_PACKAGES)),
        Variant(_QUIET, "benchmarks.calls.edges:fastapi_quiet", packages=("fastapi", "pydantic", *_SERVER_PACKAGES)),
        Variant(_GRANIAN, "benchmarks.calls.edges:granian", packages=("granian", "uvloop")),
        Variant(_UVICORN, "benchmarks.calls.edges:uvicorn", packages=_SERVER_PACKAGES),
    ),
    measurements=(
        Measurement(
            name="query over NATS, one caller",
            unit="queries/s",
            ours=_NATS,
            limits=(_RAW,),
            targets=(Times(_RAW, 1 / 1.5),),
        ),
        Measurement(
            name="queries over NATS, 32 callers",
            unit="queries/s",
            ours=_NATS_32,
            limits=(_RAW_32,),
            targets=(Times(_RAW_32, 1 / 1.5),),
        ),
        Measurement(
            name="query over HTTP with a proof, one caller",
            unit="queries/s",
            ours=_PROVED,
            limits=(_HTTP,),
            targets=(Times(_HTTP, 0.9),),
        ),
        Measurement(
            name="queries over HTTP with proofs, 32 callers",
            unit="queries/s",
            ours=_PROVED_32,
            limits=(_HTTP_32,),
            targets=(Times(_HTTP_32, 0.9),),
        ),
        Measurement(
            name="HTTP edge",
            unit="µs CPU/request",
            ours=_EDGE,
            peers=(_FASTAPI, _QUIET),
            limits=(_GRANIAN, _UVICORN),
            targets=(Times(_FASTAPI, 3), Times(_GRANIAN, 0.7)),
            less_is_better=True,
        ),
    ),
    notes=(
        "Caller, called service and NATS server are a process each, on loopback; everybody is on uvloop.",
        (
            "The limit over NATS is nats-py's own request and reply with a deadline, without headers, decoded and "
            "encoded by hand, answered in the subscription's one task. Ours has besides, always on: the time that is "
            "left as a header, trace, a task and a time limit for each call, a limit for all of them, breaker, retry "
            "budget, and the query's handler with its unit of work."
        ),
        (
            "The limit of a proof is the same call over HTTP without key pairs, where every caller is believed. The "
            "proof costs two keyed hashes at each side: over the request, and over the answer."
        ),
        (
            "At the HTTP edge the client is the same minimal one on 32 kept connections, and what counts is the CPU "
            "time of the server's process, all threads: the rate moves with who else uses the machine. granian "
            "reads requests in threads of its own, so that on idle cores its rate is higher than its CPU time says."
        ),
        (
            "The edge runs the whole command: deadline, unit of work, an empty commit to a memory store. FastAPI has "
            "a model of pydantic each way, as its tutorial shows, and nothing behind them; the target is held against "
            "it as its documentation starts it, with a line in the log for each request, which remit run does not "
            "write. The bare applications know one request, and look neither at path nor at method."
        ),
    ),
)
