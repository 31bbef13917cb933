"""A context that a system only names is found by the entry point of an installed distribution."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from remit import Context, System
from remit.errors import Finding, ModelError
from tests.checks.packages import Packages
from tests.foreign.distributions import offer

Installs = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installs:
    """Installs a distribution with these entry points: `install("shop_billing", contexts="billing = module:name")`."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])

    def install(distribution: str, **lines: str) -> None:
        offer(site, distribution, {f"remit.{option}": line for option, line in lines.items()})

    return install


@pytest.fixture
def billing(packages: Packages) -> None:
    packages.write({
        "stall/__init__.py": "",
        "stall/handlers.py": "from remit import Context\nbilling = Context('billing')\nother = Context('other')\n",
        "stall/edge.py": "from remit.edges import HttpEdge\nedge = HttpEdge('billing')\n",
    })  # fmt: skip


def findings_on(system: System) -> list[Finding]:
    with pytest.raises(ModelError) as caught:
        system.hosting()
    return caught.value.findings


@pytest.mark.usefixtures("billing")
def test_a_context_and_an_edge_are_found_by_their_names(install: Installs) -> None:
    install("shop_billing", contexts="billing = stall.handlers:billing", edges="billing = stall.edge")
    shop = System("shop", contexts=["billing"], edges=["billing"])
    assert (shop.contexts, shop.names, sorted(shop.with_edges)) == ((), ("billing",), ["billing"])
    whole = shop.hosting()
    assert [each.name for each in whole.contexts] == ["billing"]
    assert [each.context for each in whole.edges] == ["billing"]
    assert shop.check() == []


@pytest.mark.usefixtures("billing")
def test_names_stand_beside_contexts(install: Installs) -> None:
    install("shop_billing", contexts="billing = stall.handlers:billing")
    sales = Context("sales")
    shop = System("shop", contexts=[sales, "billing"])
    assert (shop.contexts, shop.names) == ((sales,), ("sales", "billing"))
    assert [each.name for each in shop.hosting().contexts] == ["sales", "billing"]
    assert [each.name for each in System("shop", contexts="billing").hosting().contexts] == ["billing"]


def test_what_another_process_hosts_need_not_be_installed(install: Installs) -> None:
    install("shop_sales", contexts="sales = no_such_module:sales")
    part = System("shop", contexts=["sales", "billing"]).hosting([])
    assert part.model().elsewhere == ("sales", "billing")


def test_a_context_that_is_not_installed_is_a_finding(install: Installs) -> None:
    (found,) = findings_on(System("shop", contexts=["billing"]))
    assert (found.code, found.where) == ("context.not-installed", "System('shop') billing")
    assert found.expected == "an entry point in remit.contexts, and none is installed"
    assert '[project.entry-points."remit.contexts"] billing = "package.module:billing"' in found.next
    install("shop_billing", contexts="billings = stall.handlers:billing")
    (found,) = findings_on(System("shop", contexts=["billing"]))
    assert (found.expected, found.next) == ("one of: billings", "did you mean 'billings'?")


def test_a_name_that_two_distributions_have_is_a_finding(install: Installs) -> None:
    for name in ("shop_billing", "old_billing"):
        install(name, contexts=f"billing = {name}.handlers:billing")
    (found,) = findings_on(System("shop", contexts=["billing"]))
    assert found.code == "context.installed-twice"
    assert "old-billing 1.0 (old_billing.handlers:billing) and shop-billing 1.0 (shop_billing.han" in found.what


@pytest.mark.usefixtures("billing")
def test_an_entry_point_that_leads_to_nothing_is_a_finding(install: Installs) -> None:
    install("shop_billing", contexts="billing = stall.handlers:other\nlost = no_such_module:lost")
    misplaced, lost = findings_on(System("shop", contexts=["billing", "lost"]))
    assert (misplaced.code, misplaced.where) == ("context.place", "System('shop') billing in shop-billing 1.0")
    assert misplaced.next == ('billing = "stall.handlers:billing" in [project.entry-points."remit.contexts"]')
    assert (lost.code, lost.where) == ("context.import", "System('shop') lost in shop-billing 1.0")


@pytest.mark.parametrize("broken", [b"[remit.contexts]\nbilling\n", b"[remit.contexts]\n\xff = a:b\n"])
@pytest.mark.usefixtures("billing")
def test_metadata_that_cannot_be_read_is_a_finding(install: Installs, tmp_path: Path, broken: bytes) -> None:
    install("shop_billing", contexts="billing = stall.handlers:billing")
    (tmp_path / "site" / "shop_billing-1.0.dist-info" / "entry_points.txt").write_bytes(broken)
    (found,) = findings_on(System("shop", contexts=["billing", "sales"]))
    assert found.code == "context.not-installed"
    assert "cannot be read" in found.what


def test_a_system_that_names_no_context_reads_no_entry_points() -> None:
    program = (
        "import sys; from remit import Context, System\n"
        "System('shop', contexts=[Context('sales')]).model()\n"
        "print('importlib.metadata' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "False\n"
