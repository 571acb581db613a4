"""Read by every Airflow process when it starts.

The scheduler imports what the tasks need: with the LocalExecutor tasks are forked from it and
inherit that, instead of spending seconds on it each.
"""

from __future__ import annotations

import sys

if "scheduler" in sys.argv:
    import great_expectations  # noqa: F401
    import pandas  # noqa: F401
