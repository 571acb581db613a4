"""The YAML files, and the secrets that they name."""

from __future__ import annotations

from collections.abc import Iterator

from profile_exchange.config.settings import find_secret
from profile_exchange.domain.errors import ConfigurationError
from profile_exchange.domain.plurals import plural
from profile_exchange.installation.checkup.finding import Finding, Surroundings, ok, skipped, wrong


def yaml_files(around: Surroundings) -> Iterator[Finding]:
    """Every connection and tenant is written soundly."""
    for problem in around.configuration.problems:
        yield wrong("files", str(problem), "Correct the file; `exchange validate` tells all.")
    if not around.configuration.problems:
        connections = plural(len(around.configuration.connections), "connection")
        tenants = plural(len(around.configuration.tenants), "tenant")
        yield ok("files", f"There is no mistake in {connections} and {tenants}.")


def store_secrets(around: Surroundings) -> Iterator[Finding]:
    """The URL of each hosted tenant's store, and that of its exposure API, is there."""
    for tenant in around.configuration.tenants.values():
        for name in (tenant.store_secret, tenant.exposure_secret):
            try:
                found = find_secret(name, around.settings.secrets_dir)
            except ConfigurationError as error:
                yield wrong("store secrets", str(error), "Write the secret as one line of text.")
                continue
            if found:
                yield ok("store secrets", f"The secret {name} is there.")
            elif around.is_spread:
                yield skipped("store secrets", f"The secret {name} is not this service's.")
            else:
                mend = "`exchange up` makes it on this machine; elsewhere see docs/PRODUCTION.md."
                yield wrong("store secrets", f"The secret {name} is not set.", mend)
