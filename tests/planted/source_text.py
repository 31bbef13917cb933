"""Violations in source text, in the map of a code base, and in a topology."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.planted.copies import Planted, planted
from tests.planted.examples import (
    BILLING,
    BILLING_DOMAIN,
    CERTIFICATION,
    CERTIFICATION_DOMAIN,
    CHECKOUT,
    ENROLLMENT,
    RELATIONS,
    SYSTEM,
    learning,
    webshop,
)

MAP, TOPOLOGY = "remit-map.toml", "four-http.toml"
ENROLLMENT_DOMAIN = "learning/enrollment/domain.py"
KERNEL = "learning/money.py"
CENTS = "CENTS = 100\n"


def related(relation: str, edits: Mapping[str, Any], *also: str) -> Planted:
    """A further relation of the learning platform, with source text that breaks it."""
    system = ((RELATIONS, f"        {relation},\n{RELATIONS}"), ("import CustomerSupplier, OpenHost", "import *"))
    return learning({SYSTEM: system, **edits}, *also)


def mapped(*changes: tuple[str, str], **files: str) -> Planted:
    """Parts of the map of a code base, with what takes their place."""
    return planted("map", {MAP: changes, **files})


def placed(*changes: tuple[str, str], also: tuple[str, ...] = ()) -> Planted:
    """Parts of a topology, with what takes their place."""
    return planted("topology", {TOPOLOGY: changes}, *also)


SOURCE = {
    "import.unrelated": learning({BILLING: "\nimport learning.certification.api\n"}),
    "import.direction": webshop({CHECKOUT: "\nimport webshop_inventory_api\n"}, "import.cycle"),
    "import.separate-ways": related(
        'SeparateWays("billing", "certification")', {CERTIFICATION: "\nimport learning.billing.api\n"}
    ),
    "import.unpublished": learning({CERTIFICATION: "\nimport learning.learning.domain\n"}),
    "import.in-model": learning({ENROLLMENT_DOMAIN: "\nfrom learning.billing.api import PaymentRefused\n"}),
    "import.translation": related(
        'AntiCorruptionLayer(upstream="enrollment", downstream="certification", module="learning.certification.edge")',
        {CERTIFICATION: "\nfrom learning.enrollment.api import StudentEnrolled\n"},
    ),
    "import.beside-kernel": related(
        'SharedKernel("billing", "certification", package="learning.money")',
        {KERNEL: CENTS, CERTIFICATION: "\nimport learning.billing.api\n"},
        "kernel.unhashed",
    ),
    "import.cycle": learning(
        {BILLING: "\nimport learning.certification.api\n", CERTIFICATION: "\nimport learning.billing.api\n"},
        "import.unrelated",
    ),
    "import.foreign": related(
        'AntiCorruptionLayer(upstream=Foreign("bank"), downstream="billing", module="learning.billing.payments")',
        {BILLING: ("\n\ndef pay() -> None:\n"
"    import bank\n")},
    ),
    "import.computed": learning(
        {BILLING: ("\nfrom importlib import import_module\n"
"def load(name: str) -> object:\n"
"    return import_module(name)\n")}
    ),
    "import.loaded": learning(
        {BILLING: '\nimport os\nfrom importlib import import_module\n'
                  'rules = import_module(os.environ.get("RULES", "learning.certification.domain"))\n'},
        "import.computed",
    ),
    "kernel.stranger": related(
        'SharedKernel("enrollment", "learning", package="learning.money")',
        {KERNEL: CENTS, CERTIFICATION: "\nimport learning.money\n"}, "kernel.unhashed",
    ),
    "kernel.dependent": related(
        'SharedKernel("billing", "certification", package="learning.money")',
        {KERNEL: "import learning.billing.domain\n"}, "kernel.unhashed",
    ),
    "kernel.changed": related(
        'SharedKernel("billing", "certification", package="learning.money", hash="sha256:0")', {KERNEL: CENTS}
    ),
    "kernel.unhashed": related('SharedKernel("billing", "certification", package="learning.money")', {KERNEL: CENTS}),
    "gateway.shared": learning({
        BILLING: ("\n\ndef pay() -> None:\n"
"    import stripe\n"), ENROLLMENT: ("\n\ndef pay() -> None:\n"
"    import stripe\n"),
    }),
    "sql.foreign-table": learning({BILLING: '\nNAMES = "SELECT name FROM enrollment.students"\n'}),
    "sql.computed": learning({BILLING: '\nNAMES = "SELECT query_to_xml(:query, true, false, \'\')"\n'}),
    "pure.import": learning({BILLING_DOMAIN: "\nimport random\n"}),
    "pure.call": learning({BILLING_DOMAIN: ("\n\ndef today() -> datetime:\n"
"    return datetime.now()\n")}),
    "owner.missing": learning({BILLING: (('    owner="team-billing",\n', ""),)}),
    "source.hidden": learning({"learning/billing/old.py": "X = 1\n", "learning/billing/old/__init__.py": "X = 1\n"}),
    "source.tests": learning({"learning/billing/ab_test.py": "RATIO = 0.5\n"}),
    "source.unreadable": learning({"learning/billing/old.py": "def owed(:\n"}),
    "code.unowned": learning({"learning/texts.py": "def shown() -> str: ...\n", BILLING: "\nimport learning.texts\n"}),
    "model.spread": learning(dict.fromkeys(
        (BILLING_DOMAIN, CERTIFICATION_DOMAIN), ("\n\nclass Person:\n"
"    name: str\n"
"    street: str\n"
"    city: str\n")
    )),
}  # fmt: skip
MAPS = {
    "map.syntax": mapped(('["learning.billing"]', '["learning.billing"')),
    "map.unknown-key": mapped(('owner = "team-billing"', 'team = "team-billing"')),
    "map.incomplete": mapped(('customer = "enrollment"\n', "")),
    "map.value": mapped(("customer-supplier", "customer")),
    "map.root": mapped(('name = "learning"', 'name = "learning"\nroots = ["source"]')),
    "map.unknown-context": mapped(('supplier = "billing"', 'supplier = "billings"')),
    "map.unknown-module": mapped(('"team-billing"', '"team-billing"\npure = ["learning.billing.model"]')),
    "map.claimed-twice": mapped(('["learning.billing"]', '["learning.billing", "learning.certification"]')),
    "sql.shared-table": mapped(
        ('"team-billing"', '"team-billing"\ntables = ["students"]'),
        ('"team-learning"', '"team-learning"\ntables = ["students"]'),
    ),
    "owner.several": mapped(('"team-billing"', '["team-billing", "team-learning"]')),
}
OFFICE, BILLS, SCHOOL, CERTIFICATES = (f'calls = "127.0.0.1:900{number}"\n' for number in (1, 2, 3, 4))
KEYS = {
    calls: calls + f'key = "${{KEY}}"\npublic = "{letter * 43}"\n'
    for calls, letter in zip((OFFICE, BILLS, SCHOOL, CERTIFICATES), "ABCD", strict=True)
}
STORES = 'default = "sqlite:data/{context}.db"'
TOPOLOGIES = {
    "topology.syntax": placed(('runs = ["billing"]', 'runs = ["billing"')),
    "topology.unknown-key": placed((OFFICE, f"{OFFICE}replica = 2\n")),
    "topology.incomplete": placed(('runs = ["billing"]\n', "")),
    "topology.type": placed((OFFICE, f'{OFFICE}replicas = "2"\n')),
    "topology.value": placed((OFFICE, f"{OFFICE}replicas = 0\n")),
    "topology.address": placed(("127.0.0.1:9001", "0.0.0.0:9001")),
    "topology.environment": placed(("127.0.0.1:9001", "${OFFICE_HOST}:9001")),
    "topology.technology": placed((STORES, 'default = "oracle:x"')),
    "topology.unknown-name": placed(('runs = ["billing"]', 'runs = ["billing", "sales"]')),
    "topology.absent-component": planted(
        "topology",
        {
            SYSTEM: (('        "certification": "learning.certification.edge:edge",\n', ""),),
            "learning/certification/edge.py": (('edge = HttpEdge("certification")\n', ""), ("edge.get(", "print(")),
            TOPOLOGY: (('runs = ["certification"]', 'runs = ["certification", "certification.edge"]'),),
        },
        "topology.unused",
    ),
    "topology.placed-twice": placed(('runs = ["billing"]', 'runs = ["billing", "learning"]')),
    "topology.unplaced": placed(
        ('runs = ["billing"]', 'runs = ["billing.read", "billing.write"]'), also=("topology.unused",)
    ),
    "topology.idle-service": placed((CERTIFICATES, f"{CERTIFICATES}\n[services.idle]\nruns = []\n")),
    "topology.no-calls": placed(*((each, "") for each in KEYS), ('calls = "http"\n', "")),
    "topology.no-address": placed((BILLS, "")),
    "topology.open-calls": placed(("127.0.0.1:9001", "10.0.0.1:9001")),
    "topology.shared-secret": placed(('calls = "http"', 'calls = { url = "http", secret = "${SECRET}" }')),
    "topology.no-key": placed((OFFICE, KEYS[OFFICE])),
    "topology.shared-key": placed(*KEYS.items(), ("B" * 43, "A" * 43)),
    "topology.no-grants": placed(*KEYS.items()),
    "topology.old-grants": planted("topology", {TOPOLOGY: (*KEYS.items(),), "four-http.grants.json": "{}"}),
    "topology.unproved": placed(
        ('calls = "http"', 'calls = "nats://broker.example:4222"'), *((each, "") for each in KEYS)
    ),
    "topology.unused": placed((OFFICE, f'{OFFICE}credentials = "user:password"\n')),
    "topology.ports": placed(("127.0.0.1:9001", "127.0.0.1:9002")),
    "topology.store-private": placed(
        (STORES, f'{STORES}\ncertification = "memory:"'), (CERTIFICATES, f"{CERTIFICATES}replicas = 2\n")
    ),
    "topology.store-forgets": placed((STORES, f'{STORES}\nbilling = "memory:"')),
    "topology.store-doubled": placed((STORES, 'default = "sqlite:data/all.db"')),
    "topology.store-apart": placed(('calls = "http"', 'calls = "http"\nevents = "postgresql"')),
}
IN_SOURCE = {**SOURCE, **MAPS, **TOPOLOGIES}
