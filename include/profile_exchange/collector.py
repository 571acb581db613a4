"""Python's cyclic garbage collector, set for processes that import a lot.

Starting, such a process makes some hundred thousand objects that stay for as long as it runs. Left
to itself the collector goes over them again and again while there is nothing to collect, and at the
end, before the interpreter leaves, once more for every module that is taken down: that takes longer
than anything else about stopping an Airflow process, all for memory which the system takes back
anyway. Imports the standard library only, for it is what a process does first.
"""

from __future__ import annotations

import atexit
import gc

#: Python's own are 700 (or 2,000), 10 and 10.
THRESHOLDS = (50_000, 20, 20)


def expect_objects_to_stay() -> None:
    """Have the collector look less often, and leave alone what is there when the process ends."""
    gc.set_threshold(*THRESHOLDS)
    # Handlers run in the order opposite to that of registration: this one is the last, or nearly.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
