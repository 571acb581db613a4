"""What is configured: which of it decides what a run writes, and whether that is as it was.

A run works from one truth, its plan (`pipeline.plan`). A file that is edited while a run is under
way, or waits for a person, is for the next run: this one was looked at as it was configured then.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from profile_exchange.domain.connection import Connection

#: What may change in an import goal without changing what a run that has started writes.
_NO_MATTER = frozenset({"credentials", "keep", "pull", "complete_every_days", "approval"})


def decisive(connection: Connection) -> dict[str, Any]:
    """Everything in a connection's configuration that decides what becomes of a profile.

    Limits are among it: they decide for all profiles at once.
    """
    goal = asdict(connection.importing) if connection.importing else {}
    return {
        "goal": {key: value for key, value in goal.items() if key not in _NO_MATTER},
        "host": connection.partner.host,
        "objectives": sorted(connection.objectives),
        "consent": connection.consent,
    }


def digest(facts: Mapping[str, Any]) -> str:
    """A fingerprint of facts: the same for the same ones, in every process."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def as_configured(connection: Connection) -> str:
    """A fingerprint of all that decides whether a run may write, and what."""
    goal = connection.importing
    approval = goal.approval.rule if goal and goal.approval else None
    return digest({**decisive(connection), "tenant": connection.tenant, "approval": approval})
