"""What a visitor said about an objective, and whether that lets a connection process a profile.

`store.consent` says the same in SQL; a test holds the two together (SEMANTICS, Consent).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from profile_exchange.domain.tenant import Objective


class ConsentState(StrEnum):
    """Where a profile can stand towards one objective. An objective both given and refused is
    refused."""

    CONSENTED = "CONSENTED"
    REFUSED = "REFUSED"
    UNKNOWN = "UNKNOWN"
    REFUSED_OR_UNKNOWN = "REFUSED_OR_UNKNOWN"
    CONSENTED_OR_UNNEEDED = "CONSENTED_OR_UNNEEDED"


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One profile's consent. ``legislation`` is its zone, None when that is unknown."""

    consented: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    legislation: str | None = None


def needed(objective: Objective, legislation: str | None) -> bool:
    """Whether the objective needs consent in a zone; in an unknown zone it does."""
    return objective.needs_consent and (
        legislation is None or legislation in objective.legislations
    )


def stands(record: ConsentRecord, objective: Objective, state: ConsentState) -> bool:
    """Whether a profile is in a state towards an objective."""
    refused = objective.id in record.refused
    given = objective.id in record.consented and not refused
    unneeded = not refused and not needed(objective, record.legislation)
    return {
        ConsentState.CONSENTED: given,
        ConsentState.REFUSED: refused,
        ConsentState.UNKNOWN: not given and not refused,
        ConsentState.REFUSED_OR_UNKNOWN: not given,
        ConsentState.CONSENTED_OR_UNNEEDED: given or unneeded,
    }[state]


def consented(
    record: ConsentRecord, objectives: Iterable[Objective], *, unneeded_counts: bool
) -> bool:
    """Whether a connection that is linked to these objectives may process a profile.

    One objective is enough; of no objective at all the answer is no, so a connection that is
    linked to none has to ask somewhere else. ``unneeded_counts`` is the rule
    ``consented_or_unneeded``.
    """
    state = counted_state(unneeded_counts)
    return any(stands(record, objective, state) for objective in objectives)


def counted_state(unneeded_counts: bool) -> ConsentState:
    """The state that counts as consent."""
    return ConsentState.CONSENTED_OR_UNNEEDED if unneeded_counts else ConsentState.CONSENTED
