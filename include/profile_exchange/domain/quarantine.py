"""What becomes of a profile in quarantine."""

from __future__ import annotations

from enum import StrEnum

from profile_exchange.domain.fates import Reason


class Outcome(StrEnum):
    """How an entry of the quarantine ended: by what a later, successful run made of the profile."""

    REPAIRED = "repaired"
    REJECTED_AGAIN = "rejected_again"


#: What profiles are rejected for, by the step that finds it, in the order of the steps.
REASONS = (
    Reason.MALFORMED_PROFILE,
    Reason.VALUE_LIMIT,
    Reason.EXPECTATION,
    Reason.VALUE_TYPE,
    Reason.TOTAL_LIMIT,
)
