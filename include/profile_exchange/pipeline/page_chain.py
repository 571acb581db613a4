"""The pages of one segment as a chain: each leads to the next, and there has to be an end."""

from __future__ import annotations

from profile_exchange.domain.errors import ProtocolViolation
from profile_exchange.pipeline.received import Page

#: So many pages in a row may bring nothing: a tenant that filters after paging has empty ones.
IDLE_PAGES = 20


class PageChain:
    """What has been seen of a segment's pages, from the page at ``cursor`` on."""

    def __init__(self, segment: str, cursor: str | None) -> None:
        self._segment = segment
        self._cursors = {cursor}
        self._beginnings: set[str] = set()
        self._idle = 0

    def follow(self, page: Page) -> str | None:
        """The cursor to the next page; None at the end.

        Raises `ProtocolViolation` when the next page was there before, or when page after page
        is empty or begins like one that was there before: then there would never be an end.
        """
        cursor = page.next_cursor
        if cursor is None:
            return None
        if cursor in self._cursors:
            raise self._endless("with a cursor that it had given before")
        self._cursors.add(cursor)
        self._idle = 0 if self._brings_something(page) else self._idle + 1
        if self._idle > IDLE_PAGES:
            raise self._endless(f"with {self._idle} pages in a row that bring no new profile")
        return cursor

    def _brings_something(self, page: Page) -> bool:
        received = page.profiles or page.malformed
        if not received or received[0].id in self._beginnings:
            return False
        self._beginnings.add(received[0].id)
        return True

    def _endless(self, how: str) -> ProtocolViolation:
        return ProtocolViolation(
            f"The other tenant answered segment {self._segment} {how}, so its pages would never "
            "end. Report this to the other tenant."
        )
