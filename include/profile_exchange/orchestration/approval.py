"""The task ``approve``: a run waits for a person, who decides on its figures in Airflow.

A refusal is a decision and no fault: the task succeeds, the rest is skipped, and the run's note
says who refused. That nobody answered in time is a fault: the task fails, and so does the run.
Either way nothing is written, and what was pulled is dropped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException

from profile_exchange.domain.connection import Approval
from profile_exchange.domain.errors import RunExpired, RunRefused
from profile_exchange.domain.fates import APPROVE
from profile_exchange.domain.forecast import Forecast
from profile_exchange.orchestration.failures import told
from profile_exchange.orchestration.notes import tell_note

TIMED_OUT = "timeout"


class Approve(ApprovalOperator):
    """Ask whether a run may write, if its connection says that somebody has to be asked."""

    #: What is asked is made when the task runs; nothing in it is a template.
    template_fields = ()

    def __init__(self, *, connection_id: str, approval: Approval, **options: Any) -> None:
        super().__init__(
            task_id=APPROVE,
            subject=f"May {connection_id} write?",
            response_timeout=approval.timeout,
            **options,
        )
        self.connection_id = connection_id

    @told
    def execute(self, context: Context) -> Any:
        """Ask, and wait; or let the run through at once if nobody has to be asked.

        Airflow may take a task for lost that was answered at once, and run it again: a decision
        that was taken stands.
        """
        from profile_exchange.orchestration.resolving import current_run
        from profile_exchange.pipeline.approval import question

        try:
            run = current_run(self.connection_id)
        except RunExpired:
            raise
        except RunRefused as refusal:
            tell_note(context, str(refusal))
            self.skip(context["ti"], context["task"].get_direct_relatives(upstream=False))
            return None
        planned = question(run)
        if planned is None:
            self.log.info("Nobody has to approve this run.")
            return None
        self.body = _figures(planned)
        return super().execute(context)

    @told
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Enter the decision into the ledger; after a refusal, skip the rest."""
        from profile_exchange.orchestration.resolving import current_run
        from profile_exchange.pipeline import approval

        try:
            run = current_run(self.connection_id)
        except RunExpired:
            raise
        except RunRefused as refusal:  # the page on which somebody refused has noted it already
            tell_note(context, str(refusal))
            return super().execute_complete(context, event)
        if event.get("error_type") == TIMED_OUT:
            raise AirflowFailException(approval.expire(run, datetime.now(UTC)))
        if "error" not in event:
            by, at = _who(event), event["responded_at"]
            if event["chosen_options"] == [self.APPROVE]:
                approval.approve(run, by, at)
            else:
                tell_note(context, approval.refuse(run, by, at))
        return super().execute_complete(context, event)


def _who(event: dict[str, Any]) -> str:
    user = event.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "somebody")


def _figures(planned: Forecast) -> str:
    """The plan as Markdown: counts only."""
    counts = planned.counts.as_dict()
    fates = [f"| {name} | {number} |" for name, number in counts.items()]
    properties = [
        f"| {name} | {p.filled} | {p.changed} | {p.emptied} | {p.same} |"
        for name, p in planned.properties.items()
    ]
    return "\n".join(
        [
            f"{planned.overlap.sentence()}.",
            "",
            "| profiles would be | |",
            "| --- | ---: |",
            *fates,
            "",
            "| property | filled | changed | emptied | same |",
            "| --- | ---: | ---: | ---: | ---: |",
            *properties,
        ]
    )
