"""Target properties: what type they have, whether they may be written, and making new ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from sqlalchemy import Connection as Database
from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.dialects.postgresql import insert as insert_into

from profile_exchange.domain.connection import Connection, PropertyMapping, Strategy
from profile_exchange.domain.errors import ConfigurationError, TargetRefused
from profile_exchange.domain.properties import (
    NUMERIC_TYPES,
    DataSensitivity,
    FilterType,
    ProfileProperty,
)
from profile_exchange.domain.suggestions import free_name, imported_name
from profile_exchange.domain.transforms import outcomes, result_type
from profile_exchange.domain.values import type_problem
from profile_exchange.pipeline.ports import Holding
from profile_exchange.pipeline.runs import Run, import_goal
from profile_exchange.store.tables import adopted_property, profile, profile_property


def target_types(
    database: Database,
    connection: Connection,
    sources: Mapping[str, ProfileProperty],
    holding: Holding | None = None,
) -> dict[str, FilterType]:
    """The type of each target: its own if it exists, else that of what is first mapped to it.

    ``holding`` says which properties hold values, where the profiles are not in this database.

    Raises `TargetRefused` for the first mapping that must not be written, `ConfigurationError`
    for one whose transforms do not go with the type of its source.
    """
    mappings = import_goal(connection).mappings
    existing = _types(database, connection, [mapping.target for mapping in mappings])
    types = dict(existing)
    for mapping in mappings:
        types.setdefault(mapping.target, _mapped_type(connection, mapping, sources))
        _check_sum(connection, mapping, types[mapping.target])
        _check_known_texts(connection, mapping, types[mapping.target])
    check_collisions(database, connection, holding)
    return types


def _mapped_type(
    connection: Connection, mapping: PropertyMapping, sources: Mapping[str, ProfileProperty]
) -> FilterType:
    """The type of what a mapping brings, after its transforms."""
    source = sources[mapping.source].filter_type if mapping.source else FilterType.SELECT
    try:
        return result_type(mapping.transforms, source)
    except ValueError as error:
        raise ConfigurationError(
            f"Connection {connection.id} maps {mapping.label} to {mapping.target} with a "
            f"transform that does not go with it: {error}. Take it out of the mapping."
        ) from None


def _check_known_texts(
    connection: Connection, mapping: PropertyMapping, target: FilterType
) -> None:
    """A text that stands in the configuration must fit, before any value is looked at."""
    known = outcomes(mapping.transforms) if mapping.text is None else (mapping.text,)
    if any(type_problem(text, target) for text in known):
        raise TargetRefused(
            f"Connection {connection.id} writes a text of its own to {mapping.target}, which is "
            f"of type {target.value} and cannot hold it: correct the text, or map to another."
        )


def identifier_types(database: Database, connection: Connection) -> dict[str, FilterType]:
    """The types of our linked identifiers. Raises `ConfigurationError` if one is none."""
    names = {pair.ours for link in import_goal(connection).links for pair in link}
    query = select(profile_property.c.id, profile_property.c.filter_type).where(
        profile_property.c.id.in_(names), profile_property.c.indexed
    )
    found = {row.id: FilterType(row.filter_type) for row in database.execute(query)}
    if missing := sorted(names - found.keys()):
        raise ConfigurationError(
            f"Connection {connection.id} links {', '.join(missing)}, which is no unique "
            f"identifier of tenant {connection.tenant}: mark it as one, or link another."
        )
    return found


def _types(database: Database, connection: Connection, ids: Sequence[str]) -> dict[str, FilterType]:
    """The types of the targets that exist. Raises `TargetRefused` for a unique identifier."""
    known = profile_property.c
    query = select(known.id, known.filter_type, known.indexed).where(known.id.in_(ids))
    found = {}
    for row in database.execute(query):
        if row.indexed:
            raise TargetRefused(
                f"Connection {connection.id} maps to {row.id}, which is a unique identifier of "
                f"tenant {connection.tenant}: no import may write it. Map to another property."
            )
        found[row.id] = FilterType(row.filter_type)
    return found


def _check_sum(connection: Connection, mapping: PropertyMapping, target: FilterType) -> None:
    if mapping.strategy is Strategy.SUM and target not in NUMERIC_TYPES:
        raise TargetRefused(
            f"Connection {connection.id} sums {mapping.label} into {mapping.target}, which is "
            f"of type {target.value}: sum into a RANGE, DECIMAL or CURRENCY property."
        )


def check_collisions(
    database: Database, connection: Connection, holding: Holding | None = None
) -> None:
    """Raise `TargetRefused` for the first mapping that `colliding` finds."""
    mappings = import_goal(connection).mappings
    for mapping in colliding(database, connection.id, mappings, holding):
        if owners := _owners(database, connection.id, mapping.target):
            raise _of_another(database, connection, mapping, owners)
        untold = holding is not None and mapping.target in holding.untold
        raise _collision(database, connection, mapping, untold=untold)


def may_collide(
    database: Database, connection_id: str, mappings: Iterable[PropertyMapping]
) -> dict[str, list[PropertyMapping]]:
    """The targets that must not hold values, with the mappings to each.

    They are new to the connection, and no ``overwrite`` takes them as they are.
    """
    query = select(adopted_property.c.property_id).where(
        adopted_property.c.connection == connection_id
    )
    ours = set(database.execute(query).scalars())
    found: dict[str, list[PropertyMapping]] = {}
    for mapping in mappings:
        if not mapping.overwrite and mapping.target not in ours:
            found.setdefault(mapping.target, []).append(mapping)
    return found


def colliding(
    database: Database,
    connection_id: str,
    mappings: Sequence[PropertyMapping],
    holding: Holding | None = None,
) -> Iterator[PropertyMapping]:
    """Mappings to a target that holds values that this connection has never written, or may.

    It must not write over them (SEMANTICS, Mapping and writing 3), also where nothing defines the
    property: a profile may hold values of one that is only about to be made.
    """
    wanted = may_collide(database, connection_id, mappings)
    taken = wanted.keys() & _of_others(database, connection_id)
    yield from _mapped_to(taken, wanted)
    left = wanted.keys() - taken
    if holding is not None:
        yield from _mapped_to(left & (holding.held | holding.untold), wanted)
        return
    yield from _mapped_to(_holding_values(database, left), wanted)


def _mapped_to(
    targets: Collection[str], wanted: Mapping[str, Sequence[PropertyMapping]]
) -> Iterator[PropertyMapping]:
    return (each for target, some in wanted.items() if target in targets for each in some)


def _collision(
    database: Database, connection: Connection, mapping: PropertyMapping, *, untold: bool = False
) -> TargetRefused:
    free = suggested_name(database, connection, mapping)
    maps = f"Connection {connection.id} maps {mapping.label} to {mapping.target}"
    if untold:
        return TargetRefused(
            f"{maps}, and tenant {connection.tenant} does not tell whether profiles hold values "
            f"of it already. Map to a new property, such as {free}, or look there, and say "
            "overwrite: true if what it holds may be written over."
        )
    return TargetRefused(
        f"{maps}, which already holds values that it did not write. Map to a new property, such "
        f"as {free}, or say overwrite: true."
    )


def _of_another(
    database: Database, connection: Connection, mapping: PropertyMapping, owners: Sequence[str]
) -> TargetRefused:
    """A target is another connection's, or this one's from before its file was renamed.

    A sum that is written over then would count all again that it has counted: what was
    contributed is remembered under the old name.
    """
    free = suggested_name(database, connection, mapping)
    names = " and ".join(owners)
    over = ", or say overwrite: true if both may write there"
    return TargetRefused(
        f"Connection {connection.id} maps {mapping.label} to {mapping.target}, which belongs to "
        f"connection {names}. If the file of {connection.id} was renamed, give it back its old "
        f"name, {' or '.join(owners)}: what it has done is on record under that. Otherwise map to "
        f"a new property, such as {free}{'' if mapping.strategy is Strategy.SUM else over}."
    )


def _holding_values(database: Database, ids: Collection[str]) -> set[str]:
    """Those of these properties that any profile has values of.

    All profiles are looked through, once for all of them and by all of PostgreSQL's workers:
    before a connection's first write to new targets.
    """
    if not ids:
        return set()
    names = sorted(ids)
    held = [func.bool_or(func.jsonb_exists(profile.c.properties, name)) for name in names]
    some = func.jsonb_exists_any(profile.c.properties, array(names, type_=Text))
    found = database.execute(select(*held).where(some)).one()
    return {name for name, is_held in zip(names, found, strict=True) if is_held}


def suggested_name(database: Database, connection: Connection, mapping: PropertyMapping) -> str:
    """A free name for imported data: ``TaylorTimes_Sports`` for ``sports`` of Taylor Times."""
    partner = connection.partner.name
    name = imported_name(partner, mapping.source or mapping.label, connection.id)
    query = select(profile_property.c.id).where(profile_property.c.id.startswith(name))
    taken = set(database.execute(query).scalars())
    while _holding_values(database, {free := free_name(name, taken)}):
        taken.add(free)
    return free


def prepare_targets(
    database: Database,
    run: Run,
    now: datetime,
    make_elsewhere: Callable[[], Holding | None] = lambda: None,
) -> None:
    """Create target properties that are missing, and make all of them this connection's own.

    ``make_elsewhere`` makes them where the tenant's profiles are, if that is not here, and tells
    which of them hold values.

    Raises `TargetRefused` when, since the run started, another connection has made one its own or
    created it with another type, or profiles have come to hold values of it: of two that are about
    to write a new property, the first has it. A run may have waited for a person for days.
    """
    names = sorted(run.goal.targets)
    if are_own(database, run.connection, names):
        return
    _create_missing(database, run, now)
    holding = make_elsewhere()
    # Two connections that are about to write to one property come by here one after the other.
    lock = select(profile_property.c.id).where(profile_property.c.id.in_(names))
    database.execute(lock.order_by(profile_property.c.id).with_for_update(key_share=True))
    _check_types(run, _types(database, run.connection, names))
    check_collisions(database, run.connection, holding)
    rows = [
        {"connection": run.connection.id, "property_id": name, "adopted_at": now} for name in names
    ]
    database.execute(insert_into(adopted_property).on_conflict_do_nothing(), rows)


def are_own(database: Database, connection: Connection, names: Sequence[str]) -> bool:
    """Whether all of these properties exist and are a connection's own, as after its first run."""
    query = (
        select(func.count())
        .select_from(adopted_property)
        .join(profile_property, profile_property.c.id == adopted_property.c.property_id)
        .where(adopted_property.c.connection == connection.id, profile_property.c.id.in_(names))
    )
    return bool(database.execute(query).scalar_one() == len(names))


def _owners(database: Database, connection_id: str, target: str) -> Sequence[str]:
    """The other connections whose own a property is."""
    known = adopted_property.c
    query = select(known.connection).where(known.property_id == target)
    others = query.where(known.connection != connection_id).order_by(known.connection)
    return database.execute(others).scalars().all()


def _of_others(database: Database, connection_id: str) -> set[str]:
    """The properties that are another connection's own and not this one's."""
    mine = select(adopted_property.c.property_id).where(
        adopted_property.c.connection == connection_id
    )
    query = select(adopted_property.c.property_id).where(
        adopted_property.c.connection != connection_id, adopted_property.c.property_id.not_in(mine)
    )
    return set(database.execute(query).scalars())


def _create_missing(database: Database, run: Run, now: datetime) -> None:
    rows = [_described(run, target, now) for target in sorted(run.goal.targets)]
    database.execute(insert_into(profile_property).on_conflict_do_nothing(), rows)


def _described(run: Run, target: str, now: datetime) -> dict[str, Any]:
    """A new target: named after the first of its sources, with the tags of all, and personal
    if one of them is."""
    mappings = [mapping for mapping in run.goal.mappings if mapping.target == target]
    sources = [run.plan.sources[m.source] for m in mappings if m.source]
    first = sources[0].name if sources else "Segments" if mappings[0].segments else target
    personal = any(known.data_sensitivity == DataSensitivity.PII for known in sources)
    return {
        "id": target,
        "name": f"{run.connection.partner.name}: {first}",
        "filter_type": run.plan.targets[target].value,
        "data_sensitivity": (DataSensitivity.PII if personal else DataSensitivity.NON_PII).value,
        "tags": list(dict.fromkeys(chain.from_iterable(known.tags for known in sources))),
        "created_at": now,
        "modified_at": now,
    }


def _check_types(run: Run, types: Mapping[str, FilterType]) -> None:
    for name, found in types.items():
        if found is not run.plan.targets[name]:
            raise TargetRefused(
                f"Connection {run.connection.id} is about to write {run.plan.targets[name].value} "
                f"values to {name}, which another connection has created as {found.value} since "
                "the run started. Trigger a new run, or map to a property of its own."
            )
