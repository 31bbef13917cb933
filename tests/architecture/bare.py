"""A program that scripts/check runs where only the core and its two dependencies are installed, from the built wheel.

It says that the core needs no extra, that the wheel holds everything the default store needs, and that whoever asks for
what an extra brings is told which one.
"""

import importlib.resources
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from remit import Aggregate, Command, Context, DomainEvent, Query, Repository, System

DRIVERS = ["sqlite3", "uvicorn", "httptools", "cyclopts", "rich"]


class Opened(DomainEvent):
    """An account was opened."""

    account: str


class Account(Aggregate[str]):
    """Something with an owner."""

    owner: str = ""

    def open(self, owner: str) -> None:
        self.owner = owner
        self.record(Opened(account=self.id))


class Open(Command[str]):
    """Open an account."""

    account: str
    owner: str


class Owner(Query[str]):
    """Whose account is it?"""

    account: str


banking = Context("banking")


@banking.handle(Open)
async def open_account(command: Open, accounts: Repository[Account]) -> str:
    account = await accounts.obtain(command.account)
    account.open(command.owner)
    return account.id


@banking.answer(Owner)
async def owner(query: Owner, accounts: Repository[Account]) -> str:
    return (await accounts.get(query.account)).owner


def loaded() -> list[str]:
    return [name for name in DRIVERS if name in sys.modules]


def use(store: str) -> None:
    with System("bank", contexts=[banking]).connect_sync(store=store) as app:
        assert app.send(Open(account="a1", owner="Ada")) == "a1"
        assert app.ask(Owner(account="a1")) == "Ada"


def main() -> None:
    assert loaded() == [], f"import remit loaded {loaded()}"
    use("memory:")
    assert loaded() == [], f"a program on the memory store loaded {loaded()}"
    with tempfile.TemporaryDirectory() as folder:
        use(f"sqlite:{folder}/{{context}}.db")

    assert [name for name in ("cyclopts", "rich", "uvicorn") if importlib.util.find_spec(name)] == []
    assert importlib.resources.files("remit").joinpath("py.typed").is_file()
    command = subprocess.run(
        [str(Path(sys.executable).parent / "remit"), "--help"], capture_output=True, text=True, check=False
    )
    assert command.returncode != 0
    assert "remit[cli]" in command.stderr, command.stderr
    assert "Traceback" not in command.stderr, command.stderr
    print("the core runs without any extra")


main()
