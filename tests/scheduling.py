"""Which tests go to one worker, when they run side by side."""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling

#: What their tests share takes long to start.
SHARING = frozenset({"tests/end_to_end"})


class Together(LoadFileScheduling):
    """All tests of a file, or of a folder that shares something, one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder in SHARING else file
