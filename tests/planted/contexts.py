"""Violations of what contexts and relations declare."""

from __future__ import annotations

from tests.planted.copies import Planted
from tests.planted.examples import (
    BILLING,
    CHECKOUT,
    EDGE,
    FULFILMENT,
    RELATIONS,
    SYSTEM,
    WEBSHOP,
    billed,
    learning,
    webshop,
)


def related(relation: str, *also: str) -> Planted:
    """A further relation of the learning platform."""
    return learning(
        {SYSTEM: ((RELATIONS, f"        {relation},\n{RELATIONS}"),
                  ("import CustomerSupplier, OpenHost", "import *"))}, *also
    )  # fmt: skip


def by_objects(context: str, edge: str, *also: str) -> Planted:
    """A further context and a further edge of a learning platform of objects, which can be given twice."""
    names = ("enrollment", "billing", "learning", "certification")
    lines = [
        f"from learning.{name}.handlers import {name}\nfrom learning.{name}.edge import edge as {name}_edge"
        for name in names
    ]
    text = (
        f"contexts = [{', '.join(filter(None, (*names, context)))}]\n"
        f"edges = [{', '.join(filter(None, (*(f'{name}_edge' for name in names), edge)))}]\n"
        'relations = [CustomerSupplier(supplier="billing", customer="enrollment"),'
        ' OpenHost("enrollment"), OpenHost("learning")]\n'
        'platform = System("learning", contexts=contexts, edges=edges, relations=relations)\n'
    )
    return learning({SYSTEM: "\n\nfrom remit import *\n" + "\n".join(lines) + "\n" + text}, *also)


CONTEXTS = {
    "system.name": learning({SYSTEM: (('"learning",\n', '"Learning!",\n'),)}),
    "system.header": learning({SYSTEM: (("    edges={", '    headers=["Authorization"],\n    edges={'),)}),
    "context.name": learning(
        {
            SYSTEM: (("    contexts={\n", '    contexts={\n        "Sales!": "learning.sales:sales",\n'),),
            "learning/sales.py": 'from remit import Context\nsales = Context("Sales!", owner="team-sales")\n',
        }
    ),
    "context.duplicate": by_objects('Context("billing", owner="team-billing")', "", "code.unowned"),
    "context.import": learning({BILLING: "\nimport no_such_module\n"}),
    "context.place": learning({SYSTEM: (("billing.handlers:billing", "billing.handlers:biling"),)}),
    "context.not-installed": webshop({WEBSHOP: (('contexts=["checkout", ', 'contexts=["chekout", '),)}),
    "context.installed-twice": webshop(
        {
            "other-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: other\n",
            "other-1.0.dist-info/entry_points.txt": "[remit.contexts]\ncheckout = other:checkout\n",
        }
    ),
    "outbox.kind": learning(
        {BILLING: (("    events=BillingEvent,\n", "    events=BillingEvent,\n    outbox=[Invoices],\n"),)}
    ),
    "relation.kind": related('OpenHost(["billing"])'),
    "relation.unknown-context": related('OpenHost("sales")'),
    "relation.foreign": related(
        'AntiCorruptionLayer(upstream=Foreign("billing"), downstream="learning", module="learning.learning.domain")'
    ),
    "relation.self": related('SeparateWays("billing", "billing")'),
    "relation.doubled": related('OpenHost("learning")'),
    "relation.contradiction": related('OpenHost("billing")'),
    "relation.cycle": related(
        'Conformist(upstream="enrollment", downstream="learning"),'
        ' Conformist(upstream="learning", downstream="billing")'
    ),
    "relation.nothing-exposed": related('OpenHost("certification", exposes=[])'),
    "relation.no-package": related('SharedKernel("billing", "certification")'),
    "relation.no-module": related('AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing")'),
    "relation.layer-for-customer": related(
        'AntiCorruptionLayer(upstream="billing", downstream="enrollment", module="learning.enrollment")'
    ),
    "relation.not-downstream": webshop(
        {
            FULFILMENT: (
                (
                    "    relations=[\n",
                    '    relations=[\n        Conformist(upstream="identity", downstream="inventory"),\n',
                ),
                ("import CustomerSupplier", "import Conformist, CustomerSupplier"),
            )
        }
    ),
    "relation.missing": learning({SYSTEM: (('        OpenHost("learning"),', ""),)}, "import.unrelated"),
    "relation.direction": learning(
        {SYSTEM: (('OpenHost("learning")', 'CustomerSupplier(supplier="certification", customer="learning")'),)},
        "import.direction",
    ),
    "relation.not-listed": webshop({FULFILMENT: (("uses=[OrderPlaced, PaymentAuthorized]", "uses=[OrderPlaced]"),)}),
    "relation.not-exposed": webshop({WEBSHOP: (('"RegisterUser", "UserRegistered"', '"RegisterUser"'),)}),
    "relation.separate-ways": related('SeparateWays("learning", "certification")', "import.separate-ways"),
    "relation.outside-layer": webshop(
        {
            CHECKOUT: (
                (
                    'Conformist(upstream="identity", downstream="checkout",',
                    """AntiCorruptionLayer(
            upstream="identity", downstream="checkout", module="webshop_checkout.payments",""",
                ),
                ("import Conformist", "import AntiCorruptionLayer"),
            )
        },
        "import.translation",
    ),
    "relation.unknown-message": webshop(
        {WEBSHOP: (('exposes=["ShipmentDispatched"]', 'exposes=["ShipmentDispatched", "Shipped"]'),)}
    ),
    "relation.not-published": webshop(
        {WEBSHOP: (('exposes=["ShipmentDispatched"]', 'exposes=["ShipmentDispatched", "Dispatched"]'),)}
    ),
    "relation.kernel-message": learning(
        {
            "learning/kernel.py": "from remit import Command\nclass Bill(Command[None]):\n    cents: int\n",
            BILLING: "\nimport learning.kernel\n",
            SYSTEM: (
                (RELATIONS, '        SharedKernel("billing", "learning", package="learning.kernel"),\n' + RELATIONS),
                ("import CustomerSupplier, OpenHost", "import *"),
            ),
        },
        "kernel.unhashed",
    ),
    "relation.unused": webshop(
        {FULFILMENT: (("uses=[InventoryReserved]", 'uses=[InventoryReserved, "ReceiveStock"]'),)}
    ),
    "relation.none": learning({SYSTEM: (("    relations=[", "    relations=[] and ["),)}),
    "edge.unknown-context": learning(
        {
            SYSTEM: (("    edges={\n", '    edges={\n        "sales": "learning.sales:edge",\n'),),
            "learning/sales.py": 'from remit.edges import HttpEdge\nedge = HttpEdge("sales")\n',
        }
    ),
    "edge.origin": learning({EDGE: (('HttpEdge("billing")', 'HttpEdge("billing", origins=["example.org/x"])'),)}),
    "edge.doubled": by_objects("", "billing_edge", "route.doubled"),
    "edge.forgotten": learning(
        {
            SYSTEM: (
                ('        "billing": "learning.billing.edge:edge",\n', ""),
                ("from remit import System\n", "import learning.billing.edge\nfrom remit import System\n"),
            )
        }
    ),
    "module.forgotten": learning(
        {
            "learning/billing/more.py": """
from learning.billing.domain import Issued
from learning.billing.handlers import billing
@billing.react(Issued)
async def remind(event: Issued) -> None: ...
"""
        }
    ),
    "module.unreadable": learning(
        {"learning/billing/more.py": "from remit import Context\n@billing.react(Issued)\nasync def remind(event:\n"},
        "source.unreadable",
    ),
    "service.kind": billed("billing.provide(int, 1)\n"),
}
