"""Where the numbers come from: processor, Python, versions of packages, and how fast the disk confirms a write."""

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

_WRITES = 40


def describe(data: Path | None) -> dict[str, str]:
    """Facts a reader needs beside the numbers; writes a small file to `data` for a moment."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, load {load}",
        "python": f"{platform.python_implementation()} {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"uvloop {_version('uvloop')}",
        "disk": _disk(Path(tempfile.gettempdir()) if data is None else data),
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Installed versions, "not installed" for a package that is missing."""
    return {package: _version(package) for package in dict.fromkeys(packages)}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _disk(folder: Path) -> str:
    seconds, confirm = [], getattr(os, "fdatasync", os.fsync)  # what SQLite does where it can
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_WRITES):
            file.seek(0)
            file.write(b"x" * 8192)
            file.flush()
            started = time.perf_counter()
            confirm(file.fileno())
            seconds.append(time.perf_counter() - started)
    confirmed = statistics.median(seconds) * 1e3
    kind = _filesystem(folder)
    warning = (
        " (in memory: durable results mean nothing here, choose another folder with --data)" if kind == "tmpfs" else ""
    )
    return f"{kind}, a durable write of 8 kB takes {confirmed:.2f} ms{warning}"


def _filesystem(folder: Path) -> str:
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown filesystem"
    resolved = folder.resolve()
    return max((len(at), kind) for at, kind in mounts if resolved.is_relative_to(at))[1]
