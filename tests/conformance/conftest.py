"""The data sets of others are outside of the repository: their cases are collected where the folder is named."""

from __future__ import annotations

import os

FOLDER = "REMIT_CONFORMANCE"

collect_ignore = [] if os.environ.get(FOLDER) else ["test_sets.py"]
