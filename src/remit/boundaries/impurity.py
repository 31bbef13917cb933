"""What a pure module does not do: input and output, reading the clock, and chance. Only names, no judgement of code."""

from __future__ import annotations

from collections.abc import Mapping

_IO = "input or output"
_CLOCK = "the clock"
_CHANCE = "chance"
_PROCESS = "the process and its surroundings"

IMPURE_MODULES: Mapping[str, str] = {
    **dict.fromkeys(
        ("asyncio", "concurrent.futures", "dbm", "fileinput", "ftplib", "glob", "http.client", "http.server", "imaplib",
         "linecache", "logging", "mmap", "multiprocessing", "poplib", "select", "selectors", "shelve", "shutil",
         "smtplib", "socket", "socketserver", "sqlite3", "ssl", "subprocess", "syslog", "tarfile", "tempfile",
         "threading", "urllib.request", "xmlrpc", "zipfile"), _IO),
    **dict.fromkeys(
        ("aiofiles", "aiohttp", "aiokafka", "anyio", "asyncpg", "boto3", "botocore", "celery", "confluent_kafka",
         "django.db", "flask", "fastapi", "grpc", "httpx", "httpcore", "kafka", "litestar", "loguru", "motor",
         "MySQLdb", "nats", "peewee", "pika", "psycopg", "psycopg2", "pymongo", "pymysql", "redis", "requests",
         "sqlalchemy", "starlette", "stripe", "structlog", "urllib3", "uvicorn", "websockets"), _IO),
    **dict.fromkeys(("random", "secrets"), _CHANCE),
}  # fmt: skip
"""Modules that a pure module does not import, with what they do."""
_PATH = "pathlib.Path"
_OF_PATH = (
    "absolute", "chmod", "copy", "copy_into", "cwd", "exists", "expanduser", "glob", "group", "hardlink_to", "home",
    "is_block_device", "is_char_device", "is_dir", "is_fifo", "is_file", "is_junction", "is_mount", "is_socket",
    "is_symlink", "iterdir", "lchmod", "link_to", "lstat", "mkdir", "move", "move_into", "open", "owner", "read_bytes",
    "read_text", "readlink", "rename", "replace", "resolve", "rglob", "rmdir", "samefile", "stat", "symlink_to",
    "touch", "unlink", "walk", "write_bytes", "write_text",
)  # fmt: skip
"""The methods of a path that touch files. The others only compute names."""
_GIVE_PATHS = frozenset({
    "parent", "joinpath", "with_name", "with_segments", "with_stem", "with_suffix", "relative_to", "absolute", "cwd",
    "expanduser", "home", "readlink", "rename", "replace", "resolve",
})  # fmt: skip
"""What of a path is a path again. Its `name`, for one, is a text."""
_CALLS: Mapping[str, tuple[str, ...]] = {
    _IO: (
        "builtins.open", "builtins.input", "builtins.print", "bz2.open", "codecs.open", "gzip.open",
        "importlib.resources", "io.FileIO", "io.open", "lzma.open", "os.access", "os.chmod", "os.link", "os.listdir",
        "os.lstat", "os.makedirs", "os.mkdir", "os.open", "os.path.exists", "os.path.getmtime", "os.path.getsize",
        "os.path.isdir", "os.path.isfile", "os.path.islink", "os.path.realpath", "os.read", "os.remove",
        "os.removedirs", "os.rename", "os.replace", "os.rmdir", "os.scandir", "os.stat", "os.symlink", "os.unlink",
        "os.walk", "os.write", "pkgutil.get_data", *(f"{_PATH}.{each}" for each in _OF_PATH),
    ),
    _CLOCK: (
        "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
        "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter", "time.perf_counter_ns",
        "time.process_time", "time.process_time_ns", "time.thread_time", "time.thread_time_ns", "time.clock_gettime",
        "time.clock_gettime_ns", "time.localtime", "time.gmtime", "time.ctime", "time.asctime", "time.strftime",
        "time.sleep", "django.utils.timezone.now", "pendulum.now", "arrow.now", "arrow.utcnow",
    ),
    _CHANCE: (
        "uuid.uuid1", "uuid.uuid4", "uuid.uuid6", "uuid.uuid7", "os.getrandom", "os.urandom", "numpy.random",
    ),
    _PROCESS: ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv", "os.unsetenv",
               "os.environ.get", "os.getcwd", "os.getpid", "os.system", "sys.argv",
               "sys.stdin", "sys.stdout", "sys.stderr", "sys.exit", "getpass.getuser", "builtins.breakpoint",
               "platform.node"),
}  # fmt: skip
IMPURE: Mapping[str, str] = {name: what for what, names in _CALLS.items() for name in names}
"""Functions and values that a pure module does not use, by dotted name, with what they do."""


def impure_use(origin: str) -> str | None:
    """What of `IMPURE` a dotted name is, or is in: `sys.stdin.read` is in `sys.stdin`."""
    name = origin.replace("builtins.__builtins__.", "builtins.", 1)
    if is_path(name):
        *between, method = name.replace("()", "").split(".")[2:] or [""]
        touches = method in _OF_PATH and all(each in _GIVE_PATHS for each in between)
        return f"{_PATH}.{method}" if touches else None
    while name and name not in IMPURE:
        name = name.rpartition(".")[0]
    return name or None


def is_path(origin: str) -> bool:
    """Whether a dotted name stands for a path, or is that of something in it: `pathlib.Path().parent.read_text`."""
    return origin.startswith(_PATHS)


_PATHS = tuple(f"pathlib.{name}{end}" for name in ("Path", "PosixPath", "WindowsPath") for end in ("()", "."))


def impurity_of(target: str) -> str | None:
    """What a pure module would do by importing a dotted name. None if that is nothing."""
    name = target
    while name:
        if found := IMPURE_MODULES.get(name) or IMPURE.get(name):
            return found
        name = name.rpartition(".")[0]
    return None
