"""The sources of a program and their translations, as the code that a user would write."""

from __future__ import annotations

from collections.abc import Iterator

from remit.testing.simulation.programs.grammar import Message, Program, Source

__all__ = ["SECRET", "SIGNED", "translation"]

SECRET = "PROGRAM_SECRET"  # noqa: S105  the name of a variable
SIGNED = "X-Signed"
"""The header with the signature of a webhook."""
_ORDERS = {"": "", "version": ", version=number", "at": ", at=dated"}


def translation(program: Program, at: int) -> Iterator[str]:
    """One translation, with its source."""
    source = program.sources[at]
    about = f"key=identity{', entity=thing' if source.entity else ''}{_ORDERS[source.order]}"
    yield ""
    if source.polled:
        yield f"async def fetch_{source.name}(after: str) -> Fetched[Item]:"
        yield f"    return await fetched(tape, SOURCES[{at}], after)"
        yield ""
        every, deadline = "every=datetime.timedelta(seconds=2)", "deadline=datetime.timedelta(seconds=5)"
        made = f'Polled("{source.name}", fetch=fetch_{source.name}, {every}, {deadline}, {about})'
    else:
        made = f'Webhook("{source.name}", verify=BodySignature("{SECRET}", header="{SIGNED}"), {about})'
    yield f"@{source.context}.translate({made})"
    yield f"def {source.name}(item: Item) -> list[{' | '.join(source.commands)}]:"
    yield f'    with tape.run("{source.handler}", item) as run:'
    yield '        if item.how == "fails" and not tape.fixed:'
    yield '            raise ValueError("a bug of a translation, until somebody mends it")'
    yield '        if item.how == "nothing":'
    yield "            return []"
    commands = [_command(program, source, number) for number in range(len(source.commands))]
    yield f"        return [{', '.join(commands)}]"


def _command(program: Program, source: Source, number: int) -> str:
    message: Message = next(each for each in program.commands if each.name == source.commands[number])
    extra = "".join(f", {name}={value}" for name, _, value in message.extra)
    return f'run.noted({message.name}(path=run.at("{number}"), key=item.key{extra}))'
