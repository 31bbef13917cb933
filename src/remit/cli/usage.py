"""Errors in a command line, as `cli.usage`: what is wrong, what the command takes, and what to type next."""

from __future__ import annotations

from collections.abc import Iterator

from cyclopts import Argument, CycloptsError, MissingArgumentError, UnknownCommandError
from cyclopts.exceptions import UnknownOptionError, UnusedCliTokensError

from remit.errors import nearest, one_of
from remit.hosting.failures import Failure


def usage_failure(error: CycloptsError) -> Failure:
    """The failure for a command line that cannot be read."""
    command = " ".join(["remit", *(error.command_chain or ())])
    what, expected, next = _told(error, command)
    return Failure("cli.usage", what, where=command, expected=expected, next=next)


def _told(error: CycloptsError, command: str) -> tuple[str, str, str]:
    """What is wrong, what was expected, and what to type next."""
    if isinstance(error, UnknownCommandError):
        return _unknown_command(error, command)
    if isinstance(error, UnknownOptionError):
        return _unknown_option(error, command)
    if isinstance(error, UnusedCliTokensError):
        words = error.unused_tokens or []
        return (
            f"{' '.join(words)!r} is more than the command takes", _usage(error, command),
            f"remove it, or quote what belongs together; {command} --help",
        )  # fmt: skip
    takes = _help(error.argument)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.keyword or error.argument.name
        if name.startswith("-"):
            return f"{name} has no value", takes, f"{command} {name} VALUE"
        return f"{name} is missing", takes, _usage(error, command)
    return str(error), takes or _usage(error, command), f"{command} --help"


def _unknown_command(error: CycloptsError, command: str) -> tuple[str, str, str]:
    word = (error.unused_tokens or [""])[0]
    known = list(error.app or ())
    kind = "option" if word.startswith("-") else "command"
    names = [name for name in known if name.startswith("-") == word.startswith("-")]
    near = nearest(word, names)
    return f"there is no {kind} {word!r}", one_of(names), f"{command} {near or '--help'}"


def _unknown_option(error: UnknownOptionError, command: str) -> tuple[str, str, str]:
    word = (error.token.keyword or error.token.value).partition("=")[0]
    known = [name for each in error.argument_collection for name in each.names if name.startswith("-")]
    near = nearest(word, known)
    next = f"did you mean {near}? {command} --help" if near else f"{command} --help"
    return f"there is no option {word!r} here", one_of(known, "no option"), next


def _help(argument: Argument | None) -> str:
    return (argument.parameter.help or "") if argument is not None else ""


def _usage(error: CycloptsError, command: str) -> str:
    return " ".join([command, *_words(error), "[OPTIONS]"])


def _words(error: CycloptsError) -> Iterator[str]:
    """The names of what the command takes beside options, in order."""
    for each in error.app.assemble_argument_collection() if error.app is not None else ():
        if each.field_info.is_positional:
            yield each.name if each.required else f"[{each.name}]"
