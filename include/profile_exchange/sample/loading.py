"""Loading a sample into a tenant's store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import func, select

from profile_exchange.config import registry
from profile_exchange.config.messages import nearest
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.store.database import engine_for, store_errors
from profile_exchange.store.tables import profile
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.loading import (
    Block,
    LoadCounts,
    Progress,
    load_profiles,
    unwatched,
)

if TYPE_CHECKING:
    from profile_exchange.sample.draws import Numbers
    from profile_exchange.sample.fragments import ProfileColumns

SAMPLE_TENANTS = ("taylor-times", "harbor-goods")
DEFAULT_PROFILES = 10_000
DEFAULT_SEED = 1

#: Changes with what is generated, so that a store holding an older sample gets the new one too.
_EDITION = 1
_BLOCK = 10_000
_PROBES = 200


def load(
    tenant_id: str,
    url: str,
    profiles: int = DEFAULT_PROFILES,
    seed: int = DEFAULT_SEED,
    *,
    now: datetime,
    progress: Progress = unwatched,
) -> LoadCounts:
    """Describe a sample tenant in its store, and load its sample, unless it is there.

    A larger sample adds to a smaller one of the same seed; profiles that are there stay as
    imports have left them. ``now`` is the time of the description only: the sample itself
    follows from ``seed`` and ``profiles`` alone.
    """
    describe(url, registry.tenant(tenant_id), now=now)
    if is_loaded(tenant_id, url, profiles, seed):
        progress("storing", 1.0)
        return LoadCounts(unchanged=profiles)
    blocks = _watched(generate(tenant_id, profiles, seed), profiles, progress)
    return load_profiles(url, blocks, now=now, keep_existing=True, progress=progress)


def is_loaded(tenant_id: str, url: str, profiles: int, seed: int = DEFAULT_SEED) -> bool:
    """Whether a store holds a sample of at least this size.

    Asks for some of its profiles, the last among them: a sample is loaded whole or not at all.
    """
    import numpy as np

    places = np.linspace(0, profiles - 1, min(profiles, _PROBES)).astype(np.uint64)
    ids = [UUID(found) for found in _columns(tenant_id, places, seed).ids]
    held = select(func.count()).select_from(profile).where(profile.c.id.in_(ids))
    with store_errors(url), engine_for(url).connect() as connection:
        return connection.execute(held).scalar_one() == len(set(ids))


def generate(tenant_id: str, profiles: int, seed: int = DEFAULT_SEED) -> Iterator[Block]:
    """The sample as blocks of COPY text: the same bytes every time, on any machine."""
    import numpy as np

    for start in range(0, profiles, _BLOCK):
        numbers = np.arange(start, min(start + _BLOCK, profiles), dtype=np.uint64)
        yield _columns(tenant_id, numbers, seed).block()


def _columns(tenant_id: str, numbers: Numbers, seed: int) -> ProfileColumns:
    from profile_exchange.sample import harbor_goods, taylor_times

    columns_of = {
        taylor_times.TENANT: taylor_times.columns,
        harbor_goods.TENANT: harbor_goods.columns,
    }.get(tenant_id)
    if columns_of is None:
        raise ConfigurationError(
            f"There is no sample of tenant {tenant_id!r}.{nearest(tenant_id, SAMPLE_TENANTS)}"
        )
    return columns_of(seed * 1000 + _EDITION, numbers)


def _watched(blocks: Iterator[Block], profiles: int, progress: Progress) -> Iterator[Block]:
    for number, block in enumerate(blocks, start=1):
        yield block
        progress("generating", min(1.0, number * _BLOCK / profiles))
