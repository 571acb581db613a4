"""What a person answered at the gate, in our own ledger too.

Airflow may lose an answer that comes within a second of its question: it takes the task for lost
while it is put aside, and runs it again. The task asks nobody about what the ledger knows.
"""

from __future__ import annotations

import logging
from datetime import datetime

from profile_exchange.domain.errors import ExchangeError
from profile_exchange.orchestration.pages.configured import configuration, store_url
from profile_exchange.pipeline import approval
from profile_exchange.pipeline.runs import find_run

log = logging.getLogger(__name__)


def note_answer(connection_id: str, run_id: str, by: str, now: datetime, *, approve: bool) -> None:
    """Enter an answer that Airflow has taken; where that fails, the task enters it."""
    found = configuration().connections.get(connection_id)
    url = store_url(found.tenant) if found else None
    if found is None or url is None:
        return
    try:
        run = find_run(url, found, run_id)
        decide = approval.approve if approve else approval.refuse
        decide(run, by, now)
    except ExchangeError as error:
        log.info("%s", error)
