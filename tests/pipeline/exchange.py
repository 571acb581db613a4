"""A whole exchange in a test: two small tenants, a connection, and the real steps between them."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select

from profile_exchange.config.connection_spec import ConnectionSpec
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.fates import FateCounts
from profile_exchange.domain.forecast import Forecast, PropertyForecast
from profile_exchange.pipeline.authenticate import authenticate
from profile_exchange.pipeline.filter_by_consent import filter_by_consent
from profile_exchange.pipeline.gate import gate
from profile_exchange.pipeline.join import join
from profile_exchange.pipeline.map_properties import map_properties
from profile_exchange.pipeline.preview import close_preview
from profile_exchange.pipeline.pull import pull, requests_for
from profile_exchange.pipeline.remote.properties import TargetTenant
from profile_exchange.pipeline.report import Report, report
from profile_exchange.pipeline.runs import Run
from profile_exchange.pipeline.upsert import upsert
from profile_exchange.pipeline.validate import validate
from profile_exchange.store.database import engine_for
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.tables import (
    objective,
    profile,
    profile_identifier,
    profile_property,
)
from profile_exchange.store.tables import run as run_table
from tests.pipeline.in_memory import (
    EVERYBODY,
    NOW,
    InMemorySource,
    described,
    new_profile_id,
    profile_id,
    properties_of,
)


def at_once(step: Callable[..., Any], *arguments: Any) -> Any:
    """Take a step of the pipeline as it is."""
    return step(*arguments)


class Timed:
    """A way to take steps that notes in ``took`` how many seconds one of them takes, each time."""

    def __init__(self, timed: Callable[..., Any]) -> None:
        self.took: list[float] = []
        self._timed = timed

    def __call__(self, step: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        done = at_once(step, *arguments)
        if step is self._timed:
            self.took.append(time.perf_counter() - start)
        return done


@dataclass
class Exchange:
    """Two tenants and a connection; `run` takes all steps in the order of the DAG.

    ``ahead`` is how far the other tenant's clock is ahead of ours.
    ``take`` is how each step is taken: a test that repeats or interrupts steps brings its own.
    """

    store_url: str
    goal: Mapping[str, Any]
    theirs: Sequence[Mapping[str, Any]]
    their_properties: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    segment_ids: Sequence[str] = (EVERYBODY,)
    segment_names: Mapping[str, str] = field(default_factory=dict)
    profiles_per_part: int = 100
    max_parts: int = 16
    page_size: int = 2
    ahead: timedelta = timedelta()
    take: Callable[..., Any] = at_once
    now: datetime = NOW
    runs: int = 0
    connection_id: str = "taylor-times"

    @property
    def written(self) -> dict[str, Any]:
        """The connection as its file has it."""
        return {
            "title": "Taylor Times",
            "tenant": "harbor-goods",
            "partner": {"name": "Taylor Times", "host": "taylor-times.localhost"},
            **self.settings,
            "import": {"credentials": "taylor_times", **self.goal},
        }

    @property
    def connection(self) -> Connection:
        return ConnectionSpec.model_validate(self.written).to_domain(self.connection_id)

    @property
    def source(self) -> InMemorySource:
        types = {"lastmodifieddate": "DATETIME", **self.their_properties}
        known = described({name: kind for name, kind in types.items() if kind != "none"})
        return InMemorySource(
            self.theirs,
            known,
            self.segment_ids,
            self.page_size,
            time=self.today + self.ahead,
            names=self.segment_names,
        )

    @property
    def tenant(self) -> TargetTenant | None:
        """The way to the importing tenant, where its profiles are not in the store."""
        return None

    @property
    def tenant_url(self) -> str:
        """The store that the importing tenant's profiles are in."""
        return self.store_url

    def created_from(self, name: object) -> uuid.UUID:
        """The id of the profile of ours that the last run has created from one of theirs."""
        with engine_for(self.store_url).connect() as database:
            seq = database.execute(select(func.max(run_table.c.seq))).scalar_one()
        return new_profile_id(name, seq)

    @property
    def today(self) -> datetime:
        """When the last run started: they are a day apart."""
        return self.now + timedelta(days=self.runs)

    def open(self, *, preview: bool = False) -> Run:
        self.runs += not preview
        return authenticate(
            self.source,
            self.connection,
            self.store_url,
            run_id=f"preview-{self.runs + 1}" if preview else f"run-{self.runs}",
            now=self.today + timedelta(days=preview),
            profiles_per_part=self.profiles_per_part,
            max_parts=self.max_parts,
            preview=preview,
            target=self.tenant,
        )

    def pulled(self, *, preview: bool = False) -> Run:
        run = self.open(preview=preview)
        for request in requests_for(run, run.plan.segments):
            self.take(pull, run, self.source, request)
        return run

    def gated(self, *, preview: bool = False) -> tuple[Run, Any]:
        run = self.pulled(preview=preview)
        self.take(join, run, self.today)
        self.take(filter_by_consent, run)
        self.take(validate, run, self.today)
        self.take(map_properties, run, self.today)
        return run, self.take(gate, run, self.profiles_per_part, self.max_parts)

    def preview(self) -> Forecast:
        """What a run would do now, by a preview on the same steps."""
        run, admission = self.gated(preview=True)
        self.take(close_preview, run, admission.forecast, self.now)
        return admission.forecast

    def run(self) -> Report:
        return self.finish(*self.gated())

    def finish(self, run: Run, admission: Any) -> Report:
        for package in admission.packages:
            self.take(upsert, run, package, self.today)
        return self.take(report, run, self.today)

    def counts(self) -> FateCounts:
        return self.run().counts


def furnish(
    store_url: str,
    properties: Mapping[str, Any],
    profiles: Sequence[Mapping[str, Any]],
    objectives: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Fill a tenant's store: ``{id: type}`` of properties, profiles as in case files."""
    known = described(properties)
    with engine_for(store_url).begin() as database:
        if known:
            rows = [
                {
                    "id": p.id,
                    "name": p.name,
                    "filter_type": p.filter_type,
                    "indexed": p.indexed,
                    "tags": list(p.tags),
                }
                for p in known
            ]
            database.execute(insert(profile_property), rows)
        if objectives:
            plain = {"needs_consent": True, "legislations": []}
            database.execute(
                insert(objective), [{**plain, "name": o["id"], **o} for o in objectives]
            )
        if profiles:
            database.execute(insert(profile), [_row(given) for given in profiles])
        names = ["property_id", "value", "profile_id"]
        database.execute(insert(profile_identifier).from_select(names, identifiers_of(profile)))


def replace_ours(
    store_url: str, profiles: Sequence[Mapping[str, Any]], gone: Sequence[Any] = ()
) -> None:
    """Replace some of a tenant's profiles, add some, and take some away."""
    ids = [profile_id(name) for name in [*(given["id"] for given in profiles), *gone]]
    names = ["property_id", "value", "profile_id"]
    with engine_for(store_url).begin() as database:
        database.execute(delete(profile).where(profile.c.id.in_(ids)))
        database.execute(delete(profile_identifier).where(profile_identifier.c.profile_id.in_(ids)))
        if profiles:
            database.execute(insert(profile), [_row(given) for given in profiles])
        some = select(profile).where(profile.c.id.in_(ids)).subquery("some")
        database.execute(insert(profile_identifier).from_select(names, identifiers_of(some)))


def _row(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": profile_id(given["id"]),
        "created_at": NOW,
        "modified_at": NOW,
        "privacy_legislation": given.get("zone", "NONE"),
        "consented_objectives": given.get("consented", []),
        "refused_objectives": given.get("refused", []),
        "properties": properties_of(given),
    }


def consents(store_url: str) -> dict[uuid.UUID, tuple[list[str], list[str]]]:
    """What every profile of a tenant has consented to, and what it has refused."""
    columns = (profile.c.id, profile.c.consented_objectives, profile.c.refused_objectives)
    with engine_for(store_url).connect() as database:
        rows = database.execute(select(*columns))
        return {row.id: (row.consented_objectives, row.refused_objectives) for row in rows}


def target_properties(store_url: str) -> dict[str, dict[str, Any]]:
    """What a tenant's store says of each of its properties, in the words of case files."""
    with engine_for(store_url).connect() as database:
        return {
            row.id: {
                "type": row.filter_type,
                "name": row.name,
                "sensitivity": row.data_sensitivity,
                "tags": row.tags,
            }
            for row in database.execute(select(profile_property))
        }


def ours(store_url: str) -> dict[uuid.UUID, dict[str, list[str]]]:
    """The properties of every profile of a tenant."""
    with engine_for(store_url).connect() as database:
        rows = database.execute(select(profile.c.id, profile.c.properties))
        return {row.id: row.properties for row in rows}


def observed(
    run: Run,
    matched: Iterable[uuid.UUID],
    before: Mapping[uuid.UUID, Mapping[str, Any]],
    counts: FateCounts,
) -> dict[str, PropertyForecast]:
    """What a run did to each target property of the profiles that it ``matched``.

    In the words of a forecast, but seen from outside.
    """
    after = ours(run.store_url)
    met = after.keys() & set(matched)
    found = {}
    for target in run.goal.targets:
        pairs = [(before.get(key, {}).get(target), after[key].get(target)) for key in met]
        kinds = Counter(_effect(old, new) for old, new in pairs if old != new)
        processed = counts.created + counts.modified + counts.unchanged
        found[target] = PropertyForecast(**kinds, same=processed - kinds.total())
    return found


def matched_by(run: Run) -> set[uuid.UUID]:
    """Those of ours, and those to be, that a run has found; to be asked before its report."""
    mapped = run.staging.mapped
    with run.engine.connect() as database:
        return set(database.execute(select(mapped.c.target_id)).scalars())


def _effect(old: Any, new: Any) -> str:
    if old is None:
        return "filled"
    return "emptied" if new is None else "changed"
