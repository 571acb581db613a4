"""The words of what is told: what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import CHECKS
from profile_exchange.notices.outcome import Ending, Outcome

_ENDED = {
    Ending.SUCCEEDED: "{what} succeeded",
    Ending.FAILED: "{what} failed",
    Ending.PREVIEWED: "a preview of {what}",
    Ending.REFUSED: "{what} was refused",
    Ending.LEFT_OUT: "{what} was left out",
    Ending.EXPIRED: "{what} was not approved in time",
    Ending.OVERDUE: "{what} is not over after {late}",
}
_SILENT = (
    "{task} ended without saying why: it was killed, somebody marked it or the run as failed, or "
    "the machine that it ran on was lost. Its log may say more, and so may Airflow's audit log."
)
_AGAIN = (
    "When this is mended, clear {task} in Airflow, and the run goes on where it was; or trigger a "
    "new run. Either is safe: nothing is written twice."
)
_EXPIRED = (
    "Trigger a new run, and approve it in time: it asks in Airflow under Required Actions, and "
    "under approval in the connection's file stands how long it waits."
)
_OVERDUE = (
    "Look which task is at work, and into its log. A run that waits for approval is found in "
    "Airflow under Required Actions. The connection's next run starts when this one has ended; "
    "whatever ends it, nothing is written twice."
)


def headline(outcome: Outcome) -> str:
    """What happened, in the words of a subject."""
    connection = outcome.connection
    told = connection.notifications
    late = duration(told.overdue_after) if told and told.overdue_after else "long"
    ended = _of_both(outcome) or _ENDED[outcome.ending].format(what=_what(connection), late=late)
    return f"{connection.title}: {ended}"


def _of_both(outcome: Outcome) -> str:
    """What became of each goal, where the check of what the partner may do failed beside an
    import; empty where one sentence says it all."""
    connection, imported = outcome.connection, outcome.imported
    if not (connection.importing and outcome.check_failed):
        return ""
    check = _check(connection)
    if imported is Ending.FAILED:
        return f"the import and {check} failed"
    if imported is None:
        only = {*outcome.failed_tasks} <= {*CHECKS}
        return f"{check} failed" if only else f"the import and {check} failed"
    return f"{_ENDED[imported].format(what='the import')}, and {check} failed"


def _what(connection: Connection) -> str:
    """What a run of the connection is."""
    return "the import" if connection.importing else _check(connection)


def _check(connection: Connection) -> str:
    goals = {"exposed": connection.expose, "accepted": connection.accept}
    return f"the check of what is {' and '.join(name for name, goal in goals.items() if goal)}"


def parties(connection: Connection) -> str:
    """Who exchanges with whom."""
    partner = f"{connection.partner.name} ({connection.partner.host})"
    goals = {
        "imports from": connection.importing,
        "exposes to": connection.expose,
        "accepts from": connection.accept,
    }
    *most, last = (verb for verb, goal in goals.items() if goal)
    verbs = f"{', '.join(most)} and {last}" if most else last
    return f"{connection.tenant} {verbs} {partner}."


def course(outcome: Outcome) -> str:
    """When the run began, and how long it took or has been taking."""
    if outcome.started_at is None:
        return f"The run {outcome.run_id} has not begun."
    began = f"The run {outcome.run_id} began on {moment(outcome.started_at)}"
    length = duration(outcome.told_at - outcome.started_at)
    if outcome.ending is Ending.OVERDUE:
        return f"{began} and has been going for {length}."
    return f"{began} and took {length}."


def heading(outcome: Outcome) -> str:
    """What stands above what went wrong and what to do."""
    wrong = outcome.ending in {Ending.FAILED, Ending.EXPIRED}
    return "What went wrong, and what to do" if wrong else "What to know"


def wrongs(outcome: Outcome) -> tuple[str, ...]:
    """What went wrong: what is on record, or that nothing is."""
    if outcome.failures or outcome.ending is not Ending.FAILED:
        return outcome.failures
    return tuple(_SILENT.format(task=task) for task in outcome.failed_tasks or ("The run",))


def advice(outcome: Outcome) -> str:
    """What to do, beyond what the failures themselves ask for."""
    match outcome.ending:
        case Ending.FAILED:
            tasks = " and ".join(outcome.failed_tasks)
            return _AGAIN.format(task=f"the task {tasks}" if tasks else "the task that failed")
        case Ending.EXPIRED:
            return _EXPIRED
        case Ending.OVERDUE:
            return _OVERDUE
    counts = outcome.counts
    if counts and counts.rejected and outcome.ending is Ending.SUCCEEDED:
        return (
            f"Why profiles were rejected: exchange quarantine list {outcome.connection.id}. "
            "They are received again when their tenant has mended them."
        )
    return ""


def unique(outcome: Outcome) -> Iterator[str]:
    """The unique profiles exchanged over the connection's life."""
    exchanged, name = outcome.exchanged, outcome.connection.partner.name
    if exchanged and outcome.connection.importing:
        yield f"Unique profiles received from {name} so far: {exchanged.received:,}."
    if exchanged and outcome.connection.expose:
        yield f"Unique profiles sent to {name} so far: {exchanged.sent:,}."


def moment(at: datetime) -> str:
    """A moment, to the minute, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d at %H:%M UTC}"


def duration(length: timedelta) -> str:
    """A length of time by its two largest units: 2 h 5 min."""
    minutes, seconds = divmod(max(0, round(length.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    largest = next((n for n, (number, _) in enumerate(parts) if number), len(parts) - 1)
    shown = parts[largest : largest + 2]
    return " ".join(f"{number} {unit}" for number, unit in shown if number) or "0 s"
