"""An exposing tenant with the real app on a real store, and its partner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import yaml
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy import insert, make_url, select, text, update

from profile_exchange.config.registry import read_tenant
from profile_exchange.config.settings import Settings
from profile_exchange.domain.scopes import Scope
from profile_exchange.exposure.app import create_app
from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for
from profile_exchange.store.identifiers import identifiers_of
from profile_exchange.store.tables import (
    disclosure,
    exchanged_profile,
    profile,
    profile_identifier,
    segment,
    submission,
)
from profile_exchange.tenants.postgres.credentials import READING, IssuedCredential, issue
from profile_exchange.tenants.postgres.databases import create_role
from profile_exchange.tenants.postgres.describe import describe
from profile_exchange.tenants.postgres.exposure_role import open_to_exposure
from profile_exchange.tenants.postgres.writing_role import open_to_writing
from tests.stores import emptied

START = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
HOST = "taylor-times.localhost"

TENANT: dict[str, Any] = {
    "name": "Taylor Times",
    "host": HOST,
    "store": "taylor-times-store",
    "properties": [
        {"id": "email", "name": "Email address", "type": "EMAIL", "unique_identifier": True},
        {"id": "number", "name": "Subscriber number", "unique_identifier": True},
        {"id": "city", "name": "City", "sensitivity": "PII"},
        {"id": "section", "name": "Favourite section", "tags": ["Reading"]},
        {"id": "articles", "name": "Articles read", "type": "RANGE", "tags": ["Reading"]},
        {"id": "since", "name": "Subscribed since", "type": "DATETIME"},
        {"id": "visitedchannel", "name": "Visited channels"},
    ],
    "segments": [
        {"id": "everybody", "name": "Everybody", "tags": ["All", "Big"]},
        {
            "id": "sports",
            "name": "Sports readers",
            "tags": ["Reading"],
            "refinement": {
                "property": "section",
                "operator": "CONTAINS_ANY",
                "values": ["Sports"],
            },
        },
        {"id": "secret", "name": "Nobody's business"},
    ],
    "objectives": [
        {"id": "sharing", "name": "Sharing", "needs_consent": True, "legislations": ["GDPR"]},
        {"id": "mailing", "name": "Mailing", "needs_consent": True, "legislations": ["GDPR"]},
    ],
}
CONNECTION: dict[str, Any] = {
    "title": "Harbor Goods",
    "tenant": "taylor-times",
    "partner": {"name": "Harbor Goods", "host": "harbor-goods.localhost"},
    "expose": {
        "identifiers": ["email"],
        "segments": ["everybody", "sports"],
        "properties": ["section", "articles", "since"],
    },
}


@dataclass
class Clock:
    """The time of day, until somebody moves it."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


def exposure_url(store: str) -> str:
    """The URL of a store for the exposure API's own user."""
    return _own_url(store, "exposure")


def writing_url(store: str) -> str:
    """The URL of a store for the user that writes what partners send."""
    return _own_url(store, "writing")


def _own_url(store: str, purpose: str) -> str:
    owner = make_url(store)
    own = owner.set(username=f"{owner.database}_{purpose}", password="a-password-of-its-own")
    return own.render_as_string(hide_password=False)


@dataclass
class Installation:
    """The folders of an installation, and the store of the tenant that it hosts."""

    folder: Path
    store: str
    clock: Clock = field(default_factory=Clock)
    #: Settings of the API's load that are not the usual ones.
    limits: dict[str, Any] = field(default_factory=dict)
    #: What the domain name system knows.
    addresses: dict[str, set[str]] = field(default_factory=dict)

    async def resolve(self, host: str) -> frozenset[str]:
        """Where a host name leads. Raises `OSError` as the domain name system does."""
        if host not in self.addresses:
            raise OSError("nobody knows this name")
        return frozenset(self.addresses[host])

    @property
    def settings(self) -> Settings:
        return Settings(
            tenants_dir=self.folder / "tenants",
            connections_dir=self.folder / "connections",
            secrets_dir=self.folder / "secrets",
            **self.limits,
        )

    @property
    def exposure_secret(self) -> Path:
        """The file with the URL of Taylor Times' store for the exposure API."""
        return self.folder / "secrets" / f"{TENANT['store']}-exposure"

    def host(self, tenant_id: str, written: dict[str, Any], store: str | None = None) -> None:
        """Host a tenant, and describe it in its store."""
        url = store or self.store
        tenant = read_tenant(self._write("tenants", tenant_id, written))
        secrets = self.folder / "secrets"
        secrets.mkdir(exist_ok=True)
        (secrets / tenant.store_secret).write_text(url)
        (secrets / tenant.exposure_secret).write_text(exposure_url(url))
        create_role(url, exposure_url(url))
        open_to_exposure(url, exposure_url(url), now=self.clock.now)
        describe(url, tenant, now=self.clock.now)

    def crowd(self, profiles: int) -> None:
        """Fill the store with so many profiles of some size."""
        statement = text(
            "insert into tenant.profile (id, created_at, modified_at, properties)"
            " select gen_random_uuid(), now(), now(), jsonb_build_object("
            "'visitedchannel', '[\"web\"]'::jsonb, 'section', jsonb_build_array(repeat('x', 3000)))"
            " from generate_series(1, :number)"
        )
        with engine_for(self.store).begin() as database:
            database.execute(statement, {"number": profiles})

    def open_to_writing(self) -> None:
        """Make the user that writes what partners send, as where a connection accepts anything."""
        url = writing_url(self.store)
        (self.folder / "secrets" / f"{TENANT['store']}-writing").write_text(url)
        create_role(self.store, url)
        open_to_writing(self.store, url)

    def connect(self, connection_id: str = "harbor-goods", **changes: Any) -> None:
        """Write a connection's file; ``expose`` changes only what it names, None leaves it out."""
        written = {**CONNECTION, **changes}
        if written["expose"] is not None:
            written["expose"] = {**CONNECTION["expose"], **written["expose"]}
        self._write("connections", connection_id, written)

    def connect_to_import(self, connection_id: str) -> None:
        """Write the file of a connection that has nothing but an import goal."""
        goal = {"credentials": "x", "mappings": [{"from": "section", "to": "their_section"}]}
        written = {name: value for name, value in CONNECTION.items() if name != "expose"}
        self._write("connections", connection_id, {**written, "import": goal})

    def disconnect(self, connection_id: str = "harbor-goods") -> None:
        (self.folder / "connections" / f"{connection_id}.yaml").unlink()

    def issue(
        self, connection_id: str = "harbor-goods", scopes: Iterable[Scope] = READING
    ) -> IssuedCredential:
        return issue(self.store, connection_id, now=self.clock.now, scopes=scopes)

    def add(
        self,
        profile_id: UUID | None = None,
        *,
        consented: tuple[str, ...] = (),
        refused: tuple[str, ...] = (),
        zone: str | None = "GDPR",
        **properties: list[str],
    ) -> str:
        """Store a profile that visited a channel unless it says otherwise; returns its id."""
        row = {
            "id": profile_id or uuid4(),
            "created_at": START - timedelta(days=400, microseconds=-1234),
            "modified_at": START - timedelta(days=2),
            "privacy_legislation": zone,
            "consented_objectives": list(consented),
            "refused_objectives": list(refused),
            "properties": {"visitedchannel": ["web"], **properties},
        }
        with engine_for(self.store).begin() as database:
            database.execute(insert(profile).values(row))
            new = select(profile.c.id, profile.c.properties).where(profile.c.id == row["id"])
            identified = identifiers_of(new.subquery("new"))
            names = ["property_id", "value", "profile_id"]
            database.execute(insert(profile_identifier).from_select(names, identified))
        return str(row["id"])

    def change(self, profile_id: str, **values: Any) -> None:
        with engine_for(self.store).begin() as database:
            database.execute(update(profile).where(profile.c.id == UUID(profile_id)).values(values))

    def describe_segment(self, row: dict[str, Any]) -> None:
        """Change a segment as only somebody with the database in hand can."""
        with engine_for(self.store).begin() as database:
            database.execute(update(segment).where(segment.c.id == row["id"]).values(row))

    def stored(self, profile_id: str) -> dict[str, list[str]]:
        """The properties of a profile."""
        query = select(profile.c.properties).where(profile.c.id == UUID(profile_id))
        with engine_for(self.store).connect() as database:
            return dict(database.execute(query).scalar_one())

    def submissions(self) -> list[Any]:
        with engine_for(self.store).connect() as database:
            return list(database.execute(select(submission).order_by(submission.c.id)))

    def disclosures(self) -> list[Any]:
        with engine_for(self.store).connect() as database:
            return list(database.execute(select(disclosure).order_by(disclosure.c.id)))

    def sent(self) -> set[tuple[str, str, str]]:
        known = exchanged_profile.c
        query = select(known.connection, known.direction, known.profile_id)
        with engine_for(self.store).connect() as database:
            return {(who, which, str(one)) for who, which, one in database.execute(query)}

    def _write(self, kind: str, name: str, written: dict[str, Any]) -> Path:
        file = self.folder / kind / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        unfinished = file.with_suffix(".new")
        unfinished.write_text(yaml.safe_dump(written))
        unfinished.replace(file)
        return file


class Api:
    """The app, asked from outside as a partner does, without a network."""

    def __init__(self, portal: BlockingPortal, client: httpx.AsyncClient) -> None:
        self._portal = portal
        self.client = client
        self.token: str | None = None

    def request(
        self, method: str, path: str, *, anonymous: bool = False, **options: Any
    ) -> httpx.Response:
        headers = dict(options.pop("headers", {}))
        if self.token and not anonymous:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        call = partial(self.client.request, method, path, headers=headers, **options)
        return self._portal.call(call)

    def at_once(self, times: int, ask: Callable[[], httpx.Response]) -> list[httpx.Response]:
        """The answers to so many requests made side by side."""
        with ThreadPoolExecutor(times) as threads:
            return list(threads.map(lambda _: ask(), range(times)))

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.request("GET", f"/rest/v2{path}", params=params)

    def ok(self, path: str, **params: Any) -> Any:
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, segment: str = "everybody", **params: Any) -> list[str]:
        """The ids on a page."""
        return [one["id"] for one in self.profiles(segment, **params)["profiles"]]

    def profiles(self, segment: str = "everybody", **params: Any) -> Any:
        return self.ok(f"/segments/{segment}/profiles", **params)

    def post(self, path: str, data: dict[str, str], **options: Any) -> httpx.Response:
        """A form, posted without a token."""
        return self.request("POST", f"/rest/v2{path}", anonymous=True, data=data, **options)

    def ask_for_token(self, issued: IssuedCredential, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": issued.key,
            "client_secret": issued.secret,
        }
        return self.post("/oauth/token", {**form, **changes})

    def log_in(self, issued: IssuedCredential) -> str:
        """Use this credential's token from now on."""
        answer = self.ask_for_token(issued)
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        return self.token


@pytest.fixture(scope="session")
def exposing_store(postgres: EmbeddedPostgres, store_template: str) -> str:
    """One store for all tests here, because making a database takes longer than most of them."""
    return postgres.create_database("exposing_store", template=store_template)


@pytest.fixture
def installation(exposing_store: str, tmp_path: Path) -> Iterator[Installation]:
    """Taylor Times, which exposes two segments to Harbor Goods and asks for nobody's consent."""
    made = Installation(tmp_path, exposing_store)
    made.host("taylor-times", TENANT)
    made.connect()
    yield made
    with emptied(exposing_store):
        """For the next test."""


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop in a thread of its own."""
    with start_blocking_portal() as running:
        yield running


@contextmanager
def serving(
    installation: Installation, portal: BlockingPortal, address: str = "127.0.0.1"
) -> Iterator[Api]:
    """A worker of the installation's API, asked from an address."""
    app = create_app(installation.settings, installation.clock, installation.resolve)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
    with portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        client = httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}")
        yield Api(portal, client)
        portal.call(client.aclose)


@pytest.fixture
def serve(installation: Installation, portal: BlockingPortal) -> Iterator[Callable[..., Api]]:
    """Makes workers of the installation's API, asked from an address; each call is another."""
    with ExitStack() as running:

        def start(address: str = "127.0.0.1") -> Api:
            return running.enter_context(serving(installation, portal, address))

        yield start


@pytest.fixture
def stranger(serve: Callable[[], Api]) -> Api:
    """The API, asked without a token."""
    return serve()


@pytest.fixture
def issued(installation: Installation) -> IssuedCredential:
    """Harbor Goods' consumer key and secret."""
    return installation.issue()


@pytest.fixture
def api(stranger: Api, issued: IssuedCredential) -> Api:
    """The API, asked with Harbor Goods' token."""
    stranger.log_in(issued)
    return stranger
