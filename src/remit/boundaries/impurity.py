"""What a pure module does not do: input and output, reading the clock, and chance. Only names, no judgement of code."""

from __future__ import annotations

from collections.abc import Mapping

_IO = "input or output"
_CLOCK = "the clock"
_CHANCE = "chance"
_PROCESS = "the process and its surroundings"

IMPURE_MODULES: Mapping[str, str] = {
    **dict.fromkeys(
        ("asyncio", "concurrent.futures", "ftplib", "glob", "http.client", "http.server", "imaplib", "mmap",
         "multiprocessing", "poplib", "select", "selectors", "shelve", "shutil", "smtplib", "socket", "socketserver",
         "sqlite3", "ssl", "subprocess", "tempfile", "threading", "urllib.request", "xmlrpc"), _IO),
    **dict.fromkeys(
        ("aiofiles", "aiohttp", "aiokafka", "anyio", "asyncpg", "boto3", "botocore", "celery", "confluent_kafka",
         "django.db", "flask", "fastapi", "grpc", "httpx", "httpcore", "kafka", "litestar", "motor", "MySQLdb", "nats",
         "peewee", "pika", "psycopg", "psycopg2", "pymongo", "pymysql", "redis", "requests", "smtplib", "sqlalchemy",
         "starlette", "stripe", "urllib3", "uvicorn", "websockets"), _IO),
    **dict.fromkeys(("random", "secrets"), _CHANCE),
}  # fmt: skip
"""Modules that a pure module does not import, with what they do."""
_CALLS: Mapping[str, tuple[str, ...]] = {
    _IO: (
        "builtins.open", "builtins.input", "builtins.print", "io.open", "os.open", "os.listdir", "os.scandir",
        "os.remove", "os.rename", "os.mkdir", "os.makedirs", "os.walk", "os.stat", "pathlib.Path.cwd",
        "pathlib.Path.home", "urllib.request.urlopen",
    ),
    _CLOCK: (
        "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
        "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.localtime",
        "time.gmtime", "time.sleep", "django.utils.timezone.now", "pendulum.now", "arrow.now", "arrow.utcnow",
    ),
    _CHANCE: ("uuid.uuid1", "uuid.uuid4", "uuid.uuid7", "os.urandom", "numpy.random"),
    _PROCESS: ("os.environ", "os.getenv", "os.environ.get", "os.getcwd", "os.getpid", "os.system", "sys.argv",
               "sys.stdin", "sys.stdout", "sys.stderr", "sys.exit", "getpass.getuser", "builtins.breakpoint",
               "platform.node"),
}  # fmt: skip
IMPURE: Mapping[str, str] = {name: what for what, names in _CALLS.items() for name in names}
"""Functions and values that a pure module does not use, by dotted name, with what they do."""


def impure_use(origin: str) -> str | None:
    """What of `IMPURE` a dotted name is, or is in: `sys.stdin.read` is in `sys.stdin`."""
    name = origin.replace("builtins.__builtins__.", "builtins.", 1)
    while name and name not in IMPURE:
        name = name.rpartition(".")[0]
    return name or None


def impurity_of(target: str) -> str | None:
    """What a pure module would do by importing a dotted name. None if that is nothing."""
    name = target
    while name:
        if found := IMPURE_MODULES.get(name) or IMPURE.get(name):
            return found
        name = name.rpartition(".")[0]
    return None
