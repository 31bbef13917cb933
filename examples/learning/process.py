"""The platform as a process of its own, as anybody would start it: `remit run learning.system:platform`."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

EXAMPLES = Path(__file__).parents[1]
REMIT = str(Path(sys.executable).with_name("remit"))


class Platform:
    """One data folder and one port. It is started, stopped or killed, and started again, at will."""

    def __init__(self, data: Path, system: str = "learning.system:platform") -> None:
        self._data = str(data.resolve())
        self.system = system
        self._port = 0
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Returns when requests are answered. The port is the same each time. Raises `RuntimeError` if that fails."""
        process = self._process = self._launch()
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError(f"the platform did not start; exit code {process.wait()}")
        self.url = json.loads(line)["url"]
        self._port = int(self.url.rpartition(":")[2])

    def die_starting(self, after_seconds: float, once: Callable[[], bool] = lambda: True) -> bool:
        """Begins to start, and is killed so much later than `once` holds. False if it was ready before that."""
        process = self._process = self._launch()
        while not once() and process.poll() is None:
            time.sleep(0.0005)
        time.sleep(after_seconds)
        process.kill()
        said, _ = process.communicate()
        self._process = None
        return not said

    @property
    def pid(self) -> int:
        """The number of the process. Raises `RuntimeError` when none runs."""
        if self._process is None:
            raise RuntimeError("the platform does not run")
        return self._process.pid

    def stop(self) -> int:
        """Lets it finish what has begun. The exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """Ends it at once, whatever it is doing. The exit code."""
        return self._end(signal.SIGKILL)

    def remit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a `remit` command on the same data folder: `remit("parked", "list")`."""
        return subprocess.run(  # noqa: S603  # our own program
            [REMIT, *arguments, "--data", self._data], capture_output=True, text=True, cwd=EXAMPLES, check=False
        )

    def _launch(self) -> subprocess.Popen[str]:
        command = [REMIT, "run", self.system, "--data", self._data, "--port", str(self._port), "--json"]
        # A session of its own: Ctrl-C reaches whoever started this, and that one decides what happens.
        return subprocess.Popen(  # noqa: S603  # our own program
            command, stdout=subprocess.PIPE, text=True, cwd=EXAMPLES, start_new_session=True
        )

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        process.communicate()
        return process.returncode
