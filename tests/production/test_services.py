"""Every service of the compose file, started by its own command until its own check is content."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from profile_exchange.installation.airflow_api import AirflowApi
from profile_exchange.installation.processes import ManagedProcess
from tests.production import compose
from tests.production.without_docker import Place, Server, redis_is_here, stopped_cleanly

pytestmark = [
    pytest.mark.airflow,
    pytest.mark.skipif(
        not redis_is_here(), reason="no redis-server here: apt-get install redis-server"
    ),
]

#: A sample connection whose DAG is one task and asks no partner.
EXPOSING = "harbor-goods"
HEALTHY_SECONDS = 240.0
POLL_SECONDS = 0.5


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The services' surroundings, with PostgreSQL running."""
    found = Place(tmp_path_factory.mktemp("production"))
    with Server(found):
        yield found


class Shape:
    """The services that run, started in the order that the compose file asks for."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.running: dict[str, ManagedProcess] = {}
        self._waiting = [name for name in place.services if name != "postgres"]
        self._ready = {"postgres"}

    def start(self) -> None:
        """Start each service when what it waits for is there; wait until all are healthy."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while not self._all_ready() or self._waiting:
            for name in [name for name in self._waiting if self._may_start(name)]:
                self.running[name] = self.place.start(name)
                self._waiting.remove(name)
            assert time.monotonic() < deadline, f"{self.running.keys() - self._ready}"
            time.sleep(POLL_SECONDS)

    def _may_start(self, name: str) -> bool:
        return self.place.services[name].waits_for.keys() <= self._ready

    def _all_ready(self) -> bool:
        """Ask one service after the other, and none before the one in front of it is ready."""
        for process in self.running.values():
            if process.name not in self._ready and not self._is_ready(process):
                return False
            self._ready.add(process.name)
        return True

    def _is_ready(self, process: ManagedProcess) -> bool:
        if not self.place.services[process.name].health:
            process.finish()
            return True
        process.check()
        return self.place.is_healthy(process.name)


def test_all_services_become_healthy_run_a_task_and_stop_cleanly(place: Place) -> None:
    assert place.is_healthy("postgres")
    shape = Shape(place)
    try:
        shape.start()
        run_a_task(place)
        issue_a_key(place)
    finally:
        left = stopped_cleanly(shape.running)
    assert left == {}


def run_a_task(place: Place) -> None:
    """The documented first administrator logs in, and has the worker check what is granted."""
    password = secrets.token_urlsafe(15)
    command = compose.documented("docker-compose run --rm init ")
    made = place.run("init", [*command, "--password", password])
    assert "created with role" in made.stdout, made.stdout + made.stderr
    user = command[command.index("--username") + 1]
    with AirflowApi(place.here("http://api-server:8080"), user, password) as api:
        wait_until(lambda: api.dag_is_known(EXPOSING))
        api.switch_on(EXPOSING)
        *_, last = api.follow(EXPOSING, api.trigger(EXPOSING))
    assert last.succeeded, last


def issue_a_key(place: Place) -> None:
    """The documented command gives the partner a consumer key, in the service that it names."""
    command = compose.documented("docker-compose exec worker exchange credentials ")
    issued = place.run("worker", ["exchange", "credentials", *command])
    assert "Consumer key: " in issued.stdout, issued.stderr


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + HEALTHY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
