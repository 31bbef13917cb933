"""`remit key`: makes a key pair with which a service proves its calls."""

from __future__ import annotations

import json as jsons
from typing import Annotated

from cyclopts import Parameter

from remit.cli.options import AsJson
from remit.hosting.failures import Failure
from remit.hosting.technologies import new_keys
from remit.topology.file import is_service_name


def key(
    service: Annotated[str | None, Parameter(name="SERVICE", help="The service in the topology file.")] = None,
    /,
    *,
    outside: Annotated[
        bool, Parameter(negative="", help="For scripts and other programs that call the services, and are none.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Make a key pair for a service, and show where each half belongs. Stores nothing.

    The private key belongs into the environment of this service alone. The public key belongs into the topology file,
    which is not secret.
    """
    if outside is (service is not None) or (service is not None and not is_service_name(service)):
        raise Failure(
            "cli.usage", "one service is needed, or --outside", where="remit key",
            expected="the name of a service in the topology file", next="remit key SERVICE",
        )  # fmt: skip
    private, public = new_keys()
    variable = f"{(service or 'outside').upper().replace('-', '_')}_KEY"
    if json:
        print(jsons.dumps({"service": service, "variable": variable, "private": private, "public": public}))
        return 0
    whose = f"[services.{service}]" if service else "[channels.calls]"
    print(
        f"# Secret: for the environment of {service or 'these programs'} alone\n"
        f"{variable}={private}\n\n"
        f"# Not secret: for the topology file. Then: remit plan FILE.toml --grants > FILE.grants.json\n"
        f"{whose}\n"
        f'key = "${{{variable}}}"\n'
        f'public = "{public}"'
    )
    return 0
