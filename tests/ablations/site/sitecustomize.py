"""Python imports this by itself when the folder is on its path: `remit run` as it is, in a process that is spoilt.

ABLATION names the functions in `tests/ablations` that spoil it. A process that is not as it was wanted does not start.
"""

import os
import traceback

try:
    from tests.ablations.spoiling import spoil

    spoil(os.environ["ABLATION"].split())
except BaseException:  # noqa: BLE001  # Python would go on without this module
    traceback.print_exc()
    os._exit(70)
