"""What becomes of a profile in quarantine."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an entry of the quarantine ended: by what a later, successful run made of the profile."""

    REPAIRED = "repaired"
    REJECTED_AGAIN = "rejected_again"
