"""What holds for every test: property tests draw the same examples on every run, and take the time they need.

Whoever started the tests in the background may have left SIGINT ignored; processes that tests interrupt inherit that.
"""

import signal

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
settings.load_profile("repeatable")

signal.signal(signal.SIGINT, signal.default_int_handler)
