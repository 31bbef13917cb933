"""The program: its commands, and the conversion of errors to text on stderr and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from remit.cli import (
    archive,
    ask,
    check,
    context_map,
    examples,
    glossary,
    history,
    impact,
    key,
    log,
    migrate,
    parked,
    plan,
    rebuild,
    run,
    send,
    status,
    upcast,
)
from remit.cli.screen import REFUSED, say, say_error
from remit.cli.usage import usage_failure
from remit.errors import RemitError
from remit.hosting.failures import UNUSABLE, Failure
from remit.messages import Refusal


def _version() -> str:
    from importlib.metadata import version

    return f"remit {version('remit')}"


INTERRUPTED, UNREAD = 130, 141
"""The exit codes that shells use after SIGINT, and after writing to a closed pipe."""

app = App(
    name="remit",
    help="Bounded contexts that integrate correctly, in one process or in many.",
    help_epilogue="Exit codes: 0 done, 1 something is stuck, 2 it cannot be done as asked, 3 the domain refused.",
    version=_version,
    version_flags=["--version"],
)
app.command(run.run)
app.command(check.check)
app.command(plan.plan)
app.command(key.key)
app.command(context_map.show_map, name="map")
app.command(glossary.glossary)
app.command(impact.impact)
app.command(migrate.migrate)
app.command(status.status)
app.command(parked.app)
app.command(log.app)
log.app.command(archive.archive)
log.app.command(archive.verify)
log.app.command(archive.restore)
app.command(history.history)
app.command(upcast.upcast)
app.command(rebuild.rebuild)
app.command(examples.app)
app.command(send.send)
app.command(ask.ask)


def _check_text(arguments: Sequence[str]) -> None:
    """Raises `Failure` for an argument that is not valid UTF-8. It would contain surrogates, which no store accepts."""
    for number, argument in enumerate(arguments, 1):
        try:
            fits = "\0" not in argument and bool(argument.encode() or True)
        except UnicodeEncodeError:
            fits = False
        if not fits:
            raise Failure(
                "cli.usage", f"argument {number} is not valid text: {argument}", where="remit", expected="UTF-8",
                next="type it in UTF-8; check the encoding of the terminal (LANG)",
            )  # fmt: skip


def _is_output_lost() -> bool:
    """Whether text that was printed still cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _drop_output() -> None:
    """The flush at exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def execute(arguments: Sequence[str]) -> int:
    """Executes one command line and returns the exit code. Prints errors of `remit` in full without a traceback, and
    as JSON with --json."""
    as_json = "--json" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # for characters that the encoding of the stream lacks
    try:
        _check_text(arguments)
        code = app(arguments, result_action="return_value", exit_on_error=False, print_error=False)
        sys.stdout.flush()  # at exit, a failure would be a traceback
    except CycloptsError as error:
        say_error(usage_failure(error), as_json=as_json)
        return UNUSABLE
    except Refusal as refusal:
        say(refusal, error=True)
        return REFUSED
    except RemitError as error:
        say_error(error, as_json=as_json)
        return UNUSABLE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe
        _drop_output()
        return UNREAD
    except OSError as error:
        if not _is_output_lost():
            raise
        _drop_output()
        say_error(
            Failure("cli.output", f"the output cannot be written: {error.strerror}", where="standard output",
                    expected="room for it", next="write it to another place"), as_json=as_json,
        )  # fmt: skip
        return UNUSABLE
    return code if isinstance(code, int) else 0
