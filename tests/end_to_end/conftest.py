"""One installation for all tests of this folder. Each test leaves it as it found it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from profile_exchange.sample import loading
from tests.airflow.mail_server import MailServer
from tests.end_to_end.configured import EVERY, EXPOSING, SECRET, SENDER, TOKEN, configured
from tests.end_to_end.driving import Commanded, airflow, commanded, finished
from tests.folders import enterable
from tests.tenants.over_http import Tenant
from tests.tenants.scripted_partner import KEY

PROFILES = 1500
#: Small pages, so that there is a middle of a pull to break.
PAGE_SIZE = 8
USERS = {"admin": "admin", "vera": "viewer", "otto": "op"}


@pytest.fixture(scope="package")
def post() -> Iterator[MailServer]:
    """The mail server of the installation."""
    with MailServer().running() as server:
        yield server


@pytest.fixture(scope="package")
def magpie() -> Iterator[Tenant]:
    """The other tenant of the connection magpie."""
    tenant = Tenant()
    tenant.secret, tenant.token_prefix = SECRET, TOKEN
    with tenant.running():
        yield tenant


@pytest.fixture(scope="package")
def installation(
    post: MailServer, magpie: Tenant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """A running installation with the sample tenants, and users of three roles."""

    def fill(tenant_id: str, url: str) -> None:
        loading.load(tenant_id, url, PROFILES, now=datetime.now(UTC))

    state = enterable(tmp_path_factory.mktemp("installation"))
    project = configured(tmp_path_factory.mktemp("configured"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXCHANGE_PAGE_SIZE", str(PAGE_SIZE))
        # What retrying waits for is shortened here, and tried at full length nowhere.
        patch.setenv("EXCHANGE_RETRY_SECONDS", "0.1")
        with Installation(state, project, fill=fill, users=USERS) as running:
            keep_mail_server(running, post)
            keep_magpie(running, magpie)
            for dag_id in EVERY:
                running.switch_on(dag_id)
            yield running


def keep_mail_server(installation: Installation, post: MailServer) -> None:
    """Let Airflow know the mail server."""
    plain = {"disable_ssl": True, "disable_tls": True, "retry_limit": 0}
    extra = json.dumps({**plain, "from_email": SENDER})
    keep(installation, "smtp_default", "smtp", host="127.0.0.1", port=post.port, extra=extra)


def keep_magpie(installation: Installation, magpie: Tenant) -> None:
    """Let Airflow know the credentials of the connection magpie."""
    extra = json.dumps({"base_url": magpie.base_url})
    stored = {"host": "magpie.localhost", "login": KEY, "password": SECRET, "extra": extra}
    keep(installation, "magpie", "http", **stored)


def keep(installation: Installation, name: str, kind: str, **stored: Any) -> None:
    """Keep an Airflow connection."""
    body = {"connection_id": name, "conn_type": kind, **stored}
    airflow(installation, "POST", "/connections", json=body)


@pytest.fixture(scope="package")
def imported(installation: Installation) -> RunState:
    """The first import, which most tests look back at."""
    return finished(installation)


@pytest.fixture(scope="package")
def repeated(installation: Installation, imported: RunState) -> Commanded:
    """The same import again, by ``exchange run``."""
    return commanded(installation, "run")


@pytest.fixture(scope="package")
def previewed(installation: Installation, imported: RunState) -> Commanded:
    """A preview of the import, by ``exchange preview``."""
    return commanded(installation, "preview")


@pytest.fixture(scope="package")
def checked(installation: Installation) -> RunState:
    """A run of the exposing connection."""
    return finished(installation, EXPOSING)
