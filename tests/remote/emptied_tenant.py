"""One tenant behind our own API for many cases: emptied, and furnished anew, for each of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio.from_thread import BlockingPortal
from sqlalchemy import Table, delete, insert, select, text

from profile_exchange.domain.scopes import Scope
from profile_exchange.store.database import engine_for
from profile_exchange.store.staging import staging
from profile_exchange.store.tables import (
    metadata,
    objective,
    profile,
    profile_identifier,
    profile_property,
    run,
    segment,
)
from tests.accepting.conftest import Writer
from tests.exposure.conftest import Installation, serving
from tests.pipeline.cases import Case, furnish_ours, steps_of, types_of
from tests.pipeline.in_memory import described
from tests.remote.over_api import ApiClient, RemoteExchange

TENANT = {"name": "Harbor Goods", "host": "taylor-times.localhost", "store": "taylor-times-store"}
STRATEGIES = ["SET", "SET_IF_EMPTY", "ADD", "SUM", "REMOVE"]
VISITORS = "visitors"
VISITED = {"property": "visitedchannel", "operator": "NOT_IS_EMPTY"}
#: What a case brings to the tenant; credentials and tokens stay.
FURNITURE = (profile_identifier, profile, profile_property, objective)


@contextmanager
def tenant_behind_our_api(folder: Path, store: str, portal: BlockingPortal) -> Iterator[Writer]:
    """A tenant in a store of its own, and a partner that is logged in to write to it."""
    hosting = Installation(folder, store)
    hosting.host("taylor-times", TENANT)
    hosting.open_to_writing()
    with engine_for(store).begin() as database:
        now = hosting.clock.now
        row = {"id": VISITORS, "name": "Visitors", "created_at": now, "modified_at": now}
        database.execute(insert(segment).values(refinement=VISITED, **row))
    with serving(hosting, portal) as api:
        writer = Writer(api, hosting)
        writer.accept()
        api.log_in(hosting.issue(scopes=[Scope.WRITE]))
        yield writer


def furnish_tenant(writer: Writer, case: Case) -> None:
    """Fill the tenant's store as a case says, with nothing in it from earlier ones."""
    empty(writer.installation.store, FURNITURE)
    furnish_ours(case, writer.installation.store)
    # Nobody is held up by how much others have asked for.
    writer.installation.clock.forward(seconds=1)


def let_in(writer: Writer, exchange: RemoteExchange, case: Case) -> None:
    """Have the tenant accept what the import is going to write; consent is the tenant's to judge.

    The exchange's requests are answered from now on.
    """
    identifiers = [each.id for each in described(types_of(case)["ours"]) if each.indexed]
    goals = [exchange.goal, *(step.get("goal", {}) for step in steps_of(case))]
    targets = {each["to"] for goal in goals for each in goal.get("mappings", ())} | {"Any"}
    targets |= case.get("types", {}).get("ours", {}).keys()
    judged = {"objectives", "consent"} & exchange.settings.keys()
    writer.accept(
        identifiers=identifiers,
        profile_ids="any" if exchange.goal.get("links") else "visited",
        properties=dict.fromkeys(sorted(targets - {*identifiers}), STRATEGIES),
        segments=[VISITORS],
        read_back=True,
        connection={"expose": None, **{key: exchange.settings[key] for key in judged}},
    )
    exchange.client = ApiClient(writer)
    exchange.visitors = VISITORS


def empty_work(store_url: str) -> None:
    """Forget every run and its ledgers."""
    with engine_for(store_url).begin() as database:
        for seq in database.execute(select(run.c.seq)).scalars().all():
            staging(seq).drop(database)
    empty(store_url, tuple(reversed(metadata.sorted_tables)))


def empty(store_url: str, tables: tuple[Table, ...]) -> None:
    """Delete all rows of some tables, also of those that nobody deletes from."""
    with engine_for(store_url).begin() as database:
        database.execute(text("set local session_replication_role = replica"))
        for table in tables:
            database.execute(delete(table))
