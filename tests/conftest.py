"""What the tests share: one embedded PostgreSQL server, and tenants' databases."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import PasswordHasher
from hypothesis import Phase, settings

from profile_exchange.collector import THRESHOLDS
from profile_exchange.config.settings import settings as installation_settings
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from tests.folders import enterable
from tests.scheduling import Together
from tests.stores import TEMPLATE, Stores

# How long an example takes says how busy the machine is, not whether the code is right. Explaining
# a failure takes hundreds of examples more. `--hypothesis-profile=thorough` tries several times as
# many of them: see tests/examples.py.
_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
settings.register_profile(
    "thorough", max_examples=100, deadline=None, phases=_PHASES, database=None
)
settings.register_profile("exchange", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("exchange")

_OWN_FOLDER = pytest.StashKey[str]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Give the session a folder of its own, where nobody else's can lock its servers out.

    Pytest's is below one that each new session closes to all but its user; PostgreSQL runs as
    another when this is root, and stops once it cannot enter its data.
    """
    if config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = tempfile.mkdtemp(prefix="profile-exchange-tests-")
        config.stash[_OWN_FOLDER] = config.option.basetemp


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """What a session leaves behind is of use only where something failed."""
    own = session.config.stash.get(_OWN_FOLDER, None)
    if own and exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(own, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Airflow takes longest, and comes first."""
    items.sort(key=lambda item: item.get_closest_marker("airflow") is None)


def pytest_collection_finish() -> None:
    """What is imported by now stays: nothing of it has to be looked at again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One worker takes all tests of a file, or of a folder that shares what takes long to start."""
    return Together(config, log)


@pytest.fixture(autouse=True)
def fresh_settings() -> Iterator[None]:
    """No test sees the settings that another one has made."""
    installation_settings.cache_clear()
    yield
    installation_settings.cache_clear()


@pytest.fixture(autouse=True)
def quick_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are cheap to check, but where a test is about what that costs."""
    cheap = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    for name, value in {"_hasher": cheap, "_NOBODY": cheap.hash("nobody's")}.items():
        monkeypatch.setattr(f"profile_exchange.tenants.postgres.credentials.{name}", value)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server for the whole session; durability is off, because nothing here has to last."""
    folder = enterable(tmp_path_factory.mktemp("postgres"))
    options = {"fsync": "off", "synchronous_commit": "off", "shared_buffers": "'128MB'"}
    # Statistics are made where a test or a step makes them, not when time allows.
    options["autovacuum"] = "off"
    with EmbeddedPostgres(folder, settings=options) as server:
        yield server


@pytest.fixture(scope="session")
def stores_of_tests(postgres: EmbeddedPostgres) -> Stores:
    """Tenants' databases, one after the other or side by side."""
    return Stores(postgres)


@pytest.fixture(scope="session")
def store_template(stores_of_tests: Stores) -> str:
    """A migrated, empty tenant database that others are copied from."""
    return TEMPLATE


@pytest.fixture
def store_url(stores_of_tests: Stores) -> Iterator[str]:
    """The URL of a migrated tenant database that holds nothing."""
    with stores_of_tests.one() as url:
        yield url


@pytest.fixture
def other_store_url(stores_of_tests: Stores) -> Iterator[str]:
    """A second tenant's database."""
    with stores_of_tests.one() as url:
        yield url
