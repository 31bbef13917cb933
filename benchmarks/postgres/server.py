"""The server of each run: a new one with its own data, fsync on, and if asked for a disk that takes 1 ms longer."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.sampling import Work
from tests.servers.postgres import Server

_SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",  # no checkpoint begins in the middle of a short run
}
_SLOW_DISK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>
#define SLOWER(name) int name(int file) { \\
    static int (*real)(int); \\
    if (!real) real = (int (*)(int)) dlsym(RTLD_NEXT, #name); \\
    usleep(MICROSECONDS); \\
    return real(file); }
SLOWER(fsync)
SLOWER(fdatasync)
"""


@contextmanager
def running_server(work: Work, *, slow_disk: bool = False) -> Iterator[Server]:
    """A server below the folder of the run. A slow disk needs a C compiler."""
    server = Server(_SETTINGS, within=work.folder.parent)  # its user may not look into that of the run
    if slow_disk:
        compiler = shutil.which("cc")
        if compiler is None:
            raise RuntimeError("a disk with +1 ms is made by a C compiler, and there is no cc")
        library = server.folder / "slow.so"
        command = [compiler, "-DMICROSECONDS=1000", "-shared", "-fPIC", "-o", str(library), "-x", "c", "-", "-ldl"]
        subprocess.run(command, input=_SLOW_DISK.encode(), check=True)
        server.environment["LD_PRELOAD"] = str(library)
    with server:
        yield server
