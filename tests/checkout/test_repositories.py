"""Contexts in separate repositories see one another's published language as a released package, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from learning.process import Services, at_free_ports
from tests.checkout.repositories import Landscape, service
from tests.checkout.scenario import play
from tests.checkout.workspace import CONTEXTS, WEBSHOP
from webshop.system import webshop

LANGUAGES = {
    "checkout": ["checkout", "fulfilment", "identity"],
    "fulfilment": ["checkout", "fulfilment", "identity", "inventory"],
    "identity": ["identity"],
    "inventory": ["checkout", "identity", "inventory"],
}
"""The published languages that are installed where a context runs: its own, those that it names, and what they need."""


@pytest.fixture(scope="module")
def environments(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The interpreter of each context. The first release of checkout's language is followed by a second one, with which
    only checkout is built. Pip installs fulfilment, which needs most; it takes seconds for each."""
    landscape = Landscape(tmp_path_factory.mktemp("landscape"))
    landscape.release_map()
    for context in CONTEXTS:
        landscape.release_language(context)
    others = CONTEXTS[1:]
    wheels = [landscape.build(context) for context in others]
    made = {
        context: landscape.environment(context, wheel, by_pip=context == "fulfilment")
        for context, wheel in zip(others, wheels, strict=True)
    }
    say_more(landscape.repository("checkout"))
    landscape.release_language("checkout")
    return {**made, "checkout": landscape.environment("checkout", landscape.build("checkout"))}


def say_more(checkout: Path) -> None:
    """Checkout says in `OrderPlaced` who has ordered. The publisher takes the field by its name."""
    project, language = checkout / "api/pyproject.toml", checkout / "api/src/webshop_checkout_api/__init__.py"
    project.write_text(project.read_text().replace('version = "1.0.0"', 'version = "1.1.0"'))
    before = "class PaymentAuthorized(IntegrationEvent"
    assert before in language.read_text()
    language.write_text(
        language.read_text().replace(f"\n\n\n{before}", f"\n    customer: UserId = UserId('')\n\n\n{before}")
    )


@pytest.mark.parametrize("context", CONTEXTS)
def test_an_environment_holds_one_context_and_the_languages_that_it_needs(
    environments: dict[str, Path], context: str
) -> None:
    program = (
        "from importlib.metadata import distributions\n"
        "print(*sorted(f'{each.name} {each.version}' for each in distributions() if 'webshop' in each.name), sep=',')\n"
        "from importlib.util import find_spec\n"
        f"print([name for name in {CONTEXTS} if find_spec('webshop_' + name)])"
    )
    said = subprocess.run(
        [environments[context], "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    released = {"checkout": "1.1.0" if context == "checkout" else "1.0.0"}
    languages = [f"webshop-{name}-api {released.get(name, '1.0.0')}" for name in LANGUAGES[context]]
    assert said[0].split(",") == sorted(["webshop 1.0.0", f"webshop-{context} 1.0.0", *languages])
    assert said[1] == str([context])


def test_a_context_is_not_installed_where_a_language_that_it_needs_is_not_released(tmp_path: Path) -> None:
    landscape = Landscape(tmp_path)
    landscape.release_map()
    with pytest.raises(LookupError, match=r"webshop-identity-api<2,>=1\.0 is not released"):
        landscape.environment("identity", landscape.build("identity"))


@pytest.mark.usefixtures("installed")
def test_services_that_were_released_apart_play_the_scenario(environments: dict[str, Path], tmp_path: Path) -> None:
    file = at_free_ports(WEBSHOP / "topologies" / "split.toml", tmp_path)
    services = Services(file)
    services.services = {context: service(file, context, environments[context]) for context in CONTEXTS}
    try:
        services.start()
        with webshop.connect_sync(topology=str(file)) as app:
            play(app)
        assert set(services.stop().values()) == {0}
    finally:
        services.kill()
