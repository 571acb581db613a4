"""A package of so many profiles that no statement takes a parameter for each of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Text, Uuid, cast, func, insert, literal, select
from sqlalchemy import Connection as Database
from sqlalchemy.dialects.postgresql import array

from profile_exchange.pipeline.remote import rows
from profile_exchange.pipeline.remote.intents import enter, mark_unsettled, note_asked
from profile_exchange.pipeline.remote.rivals import winners_over
from profile_exchange.pipeline.runs import Run
from profile_exchange.store.tables import contribution, sum_intent
from tests.remote.summing import SummingExchange

#: PostgreSQL takes 65,535 parameters.
MANY = 70_000


#: As many numbers, and a profile id for each.
NUMBER = func.generate_series(1, MANY).column_valued("number")


def id_of(number: ColumnElement[Any]) -> ColumnElement[Any]:
    """The profile id that a number stands for."""
    return cast(func.md5(cast(number, Text)), Uuid)


def open_many(summing: SummingExchange, run: Run) -> list[tuple[str, UUID]]:
    """Intents that nobody has asked for yet, and what they are about."""
    told: dict[str, Any] = {
        "connection": literal(summing.connection.id),
        "property_id": literal("articles"),
        "target_id": id_of(NUMBER),
        "source_property": literal("visits"),
        "source_id": id_of(NUMBER),
        "amount": literal(Decimal(1)),
        "difference": literal(Decimal(1)),
        "before": literal(Decimal(0)),
        "written_at": literal(summing.now),
    }
    with run.engine.begin() as database:
        database.execute(insert(sum_intent).from_select([*told], select(*told.values())))
        keys = select(sum_intent.c.property_id, sum_intent.c.target_id)
        return [(row.property_id, row.target_id) for row in database.execute(keys)]


def test_any_number_of_sums_is_noted_told_and_entered(summing: SummingExchange) -> None:
    run, _ = summing.gated()
    keys = open_many(summing, run)
    note_asked(run, keys)
    mark_unsettled(run, keys)
    enter(run, keys)
    with run.engine.connect() as database:
        entered = database.execute(select(func.count()).select_from(contribution)).scalar_one()
    assert (entered, summing.open_sums()) == (MANY, 0)


def test_what_was_never_asked_for_is_dropped_without_a_look(summing: SummingExchange) -> None:
    """It was written down, and the worker died: nothing of it can have been done."""
    summing.receives({1: ("a", 3)})
    run, admission = summing.gated()
    open_many(summing, run)
    assert summing.finish(run, admission).counts.modified == 1
    assert summing.articles("a") == ["3"]
    assert summing.open_sums() == 0
    assert [each for each in summing.served.requests if "/profiles/" in each.path] == []


def test_any_number_of_rivals_is_written_again(summing: SummingExchange) -> None:
    run, admission = summing.gated()
    with run.engine.begin() as database:
        pair_up(database, run)
        winners = winners_over(database, run, admission.packages[0])
        entries = rows.entries_to(database, run, winners)
    assert len(winners) == len(entries) == MANY


def pair_up(database: Database, run: Run) -> None:
    """Twice as many profiles, of which the answers say that each two are one of the tenant's."""
    staging = run.staging
    for suffix in ("", " again"):
        profile_id = id_of(func.concat(NUMBER, suffix))
        placed = {"profile_id": profile_id, "segment": literal(0)}
        as_is = {"target_id": profile_id, "is_new": literal(value=False)}
        objectives = cast(array([]), ARRAY(Text))
        consent = {"consented_objectives": objectives, "refused_objectives": objectives}
        answer = {"first_at": func.now(), "state": literal("MODIFIED"), "target_id": id_of(NUMBER)}
        tables: list[tuple[Any, dict[str, Any]]] = [
            (staging.staged, {**placed, "part": literal(0), **consent}),
            (staging.mapped, {**placed, **as_is}),
            (staging.sent, {"profile_id": profile_id, **answer}),
        ]
        for table, told in tables:
            database.execute(insert(table).from_select([*told], select(*told.values())))
