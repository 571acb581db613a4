"""Keeping what came of asking the other tenant, for whoever wants to know without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from profile_exchange.domain.checks import Found, FoundProperty, FoundSegment
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ExchangeError
from profile_exchange.pipeline.authenticate import Exposed
from profile_exchange.tenants.postgres.last_checks import note_kept_out, note_let_in


@contextmanager
def noting(url: str, connection: Connection) -> Iterator[Callable[[Exposed], None]]:
    """Yields what is to be told that we were let in. An error before that is why we were not."""
    inside = False

    def let_in(exposed: Exposed) -> None:
        nonlocal inside
        inside = True
        note_let_in(url, connection.id, found_of(exposed), now=datetime.now(UTC))

    try:
        yield let_in
    except ExchangeError as error:
        if not inside:
            note_kept_out(url, connection.id, str(error), now=datetime.now(UTC))
        raise


def found_of(exposed: Exposed) -> Found:
    """What is kept of what is exposed."""
    return Found(
        segments=tuple(FoundSegment(s.id, s.name, s.profiles) for s in exposed.segments),
        properties=tuple(
            FoundProperty(p.id, p.name, p.filter_type.value) for p in exposed.properties
        ),
        identifiers=tuple(known.id for known in exposed.identifiers),
        missing=exposed.missing,
    )
