"""What every request of the API works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from profile_exchange.config.settings import Settings
from profile_exchange.domain.tenant import Tenant
from profile_exchange.exposure.configured import Configured
from profile_exchange.exposure.counting import Counting
from profile_exchange.exposure.load import Load
from profile_exchange.exposure.origins import Origins, Resolve
from profile_exchange.exposure.page_sizes import PageSizes
from profile_exchange.exposure.refusals import misdirected
from profile_exchange.exposure.secret_checks import SecretChecks
from profile_exchange.exposure.stores import Stores

Clock = Callable[[], datetime]

#: Requests at the token endpoints that a connection may make, where it may make as many at all.
TOKENS_PER_SECOND = 10.0


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Service:
    """The configuration, the stores and the clock of one worker.

    Tokens have an allowance of their own: who asks for pages only does not need many, and who has
    used up what it may ask still gets one.
    """

    configured: Configured
    stores: Stores
    load: Load
    token_load: Load
    clock: Clock = utc_now
    origins: Origins = field(default_factory=Origins)
    secrets: SecretChecks = field(default_factory=SecretChecks)
    counting: Counting = field(default_factory=Counting)
    page_sizes: PageSizes = field(default_factory=PageSizes)

    @classmethod
    def of(cls, settings: Settings, clock: Clock, resolve: Resolve) -> Service:
        """The service of an installation."""
        return cls(
            Configured(settings.tenants_dir, settings.connections_dir),
            Stores(settings.secrets_dir),
            Load.share(settings.requests_per_second, settings.requests_at_once, settings.workers),
            Load.share(
                min(settings.requests_per_second, TOKENS_PER_SECOND),
                settings.requests_at_once,
                settings.workers,
            ),
            clock,
            Origins(resolve),
        )


async def service_of(request: Request) -> Service:
    """The service that answers a request."""
    service: Service = request.app.state.service
    return service


async def hosted_tenant(
    request: Request, service: Annotated[Service, Depends(service_of)]
) -> Tenant:
    """The tenant that a request is for, by its Host header. Refuses a host that is none of ours."""
    host = request.headers.get("host", "").partition(":")[0]
    tenant = service.configured.tenant(host)
    if tenant is None:
        raise misdirected()
    return tenant


Serving = Annotated[Service, Depends(service_of)]
Hosted = Annotated[Tenant, Depends(hosted_tenant)]
