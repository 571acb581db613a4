"""Airflow's REST API v2, as far as the installation and the command line need it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from profile_exchange.domain.errors import CredentialsRefused, FatalError, TransientError

TIMEOUT_SECONDS = 30.0
PAGE = 100
NEEDED_COMPONENTS = ("metadatabase", "scheduler", "dag_processor")
COMPONENTS = (*NEEDED_COMPONENTS, "triggerer")
FINISHED = frozenset({"success", "failed", "upstream_failed", "skipped", "removed"})
_ENDED = frozenset({"success", "failed"})


class AirflowUnavailable(TransientError):
    """Airflow's API server does not answer."""


class AirflowRefused(FatalError):
    """Airflow's API server answers that it will not do this."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task instance; ``map_index`` is -1 for a task that is not mapped (yet)."""

    task: str
    map_index: int
    state: str | None

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class RunState:
    """A DAG run and its task instances at one moment."""

    run_id: str
    state: str
    tasks: tuple[TaskState, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the run has succeeded or failed."""
        return self.state in _ENDED

    @property
    def succeeded(self) -> bool:
        """Whether every step did its work."""
        return self.state == "success"


@dataclass(frozen=True, slots=True)
class AirflowConnection:
    """A partner's credentials as Airflow keeps them, encrypted with the Fernet key."""

    id: str
    host: str
    login: str
    password: str
    extra: str
    kind: str
    description: str = ""


class AirflowApi:
    """A client for one Airflow; also a context manager. Logs in when it is first used."""

    def __init__(
        self, url: str, user: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._user = user
        self._password = password
        self._client = httpx.Client(
            base_url=self.url, timeout=TIMEOUT_SECONDS, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the API server."""
        self._client.close()

    def warm_up(self) -> None:
        """Let the API server build the API that tasks talk to.

        It does so at the first request, in seconds during which it answers nobody: better before
        a task waits for it than after.
        """
        self._send("GET", "/execution/health")

    def health(self) -> Mapping[str, str]:
        """``{component: "healthy" | "unhealthy" | ""}`` for each of `COMPONENTS`."""
        answer = self._send("GET", "/api/v2/monitor/health")
        found = _json(answer) if answer.is_success else {}
        return {name: (found.get(name) or {}).get("status") or "" for name in COMPONENTS}

    def dag_is_known(self, dag_id: str) -> bool:
        """Whether the DAG processor has found this DAG."""
        return (
            self._authorised("GET", f"/api/v2/dags/{dag_id}").status_code != httpx.codes.NOT_FOUND
        )

    def import_errors(self) -> Sequence[str]:
        """What stops DAG files from being read, each in the words of its author."""
        found = self._json("GET", "/api/v2/importErrors", params={"limit": PAGE})
        return [error["stack_trace"].strip().splitlines()[-1] for error in found["import_errors"]]

    def is_switched_on(self, dag_id: str) -> bool:
        """Whether the scheduler runs this DAG."""
        return not self._json("GET", f"/api/v2/dags/{dag_id}")["is_paused"]

    def switch_on(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self._json("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run now, with a configuration, and return its id."""
        body: dict[str, Any] = {"logical_date": None, "conf": dict(conf or {})}
        started = self._json("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return str(started["dag_run_id"])

    def going(self, dag_id: str) -> Sequence[str]:
        """The ids of the runs that have not ended, the oldest first."""
        wanted = {"state": ["queued", "running"], "order_by": "run_after", "limit": PAGE}
        found = self._json("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=wanted)
        return [str(run["dag_run_id"]) for run in found["dag_runs"]]

    def run(self, dag_id: str, run_id: str) -> RunState:
        """The state of a run and of its task instances."""
        found = self._json("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        return RunState(run_id, found["state"], tuple(self._tasks(dag_id, run_id)))

    def follow(self, dag_id: str, run_id: str, every: float = 0.7) -> Iterator[RunState]:
        """The run's state again and again until it has ended; the last one is its end.

        Asking costs the API server, and with it the tasks, a tenth of a second of its time.
        """
        while True:
            tasks = tuple(self._tasks(dag_id, run_id))
            over = bool(tasks) and all(task.finished for task in tasks)
            state = self.run(dag_id, run_id) if over else RunState(run_id, "running", tasks)
            yield state
            if state.ended:
                return
            time.sleep(every)

    def has_connection(self, connection_id: str) -> bool:
        """Whether Airflow keeps a connection of this id."""
        answer = self._authorised("GET", f"/api/v2/connections/{connection_id}")
        return answer.status_code != httpx.codes.NOT_FOUND

    def add_connection(self, connection: AirflowConnection) -> None:
        """Keep a partner's credentials."""
        body = {
            "connection_id": connection.id,
            "conn_type": connection.kind,
            "description": connection.description,
            "host": connection.host,
            "login": connection.login,
            "password": connection.password,
            "extra": connection.extra,
        }
        self._json("POST", "/api/v2/connections", json=body)

    def move_connection(self, connection_id: str, kind: str, extra: str) -> None:
        """Change where a connection leads to; its key and secret stay."""
        self._json(
            "PATCH",
            f"/api/v2/connections/{connection_id}",
            params={"update_mask": ["extra"]},
            json={"connection_id": connection_id, "conn_type": kind, "extra": extra},
        )

    def _tasks(self, dag_id: str, run_id: str) -> Iterator[TaskState]:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        total, seen = 1, 0
        while seen < total:
            found = self._json("GET", path, params={"limit": PAGE, "offset": seen})
            instances, total = found["task_instances"], found["total_entries"]
            if not instances:
                return
            seen += len(instances)
            for instance in instances:
                yield TaskState(instance["task_id"], instance["map_index"], instance["state"])

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return _json(_accepted(self._authorised(method, path, **options), self.url))

    def _authorised(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send with a token; an expired one is replaced once."""
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._send(method, path, **options)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            answer = self._send(method, path, **options)
        return answer

    def _log_in(self) -> None:
        self._client.headers.pop("Authorization", None)
        login = {"username": self._user, "password": self._password}
        answer = self._send("POST", "/auth/token", json=login)
        if not self._user and answer.is_client_error:
            raise CredentialsRefused(
                f"Airflow at {self.url} wants to know who asks: set EXCHANGE_AIRFLOW_USER to one "
                "of its users, and EXCHANGE_AIRFLOW_PASSWORD_SECRET to the secret of that user."
            )
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise CredentialsRefused(
                f"Airflow at {self.url} does not accept user {self._user!r}: correct "
                "EXCHANGE_AIRFLOW_USER and its password's secret."
            )
        token = _json(_accepted(answer, self.url))["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.TransportError as error:
            raise AirflowUnavailable(
                f"Airflow at {self.url} does not answer ({type(error).__name__}): "
                "start it, or set EXCHANGE_AIRFLOW_URL to its address."
            ) from None


def _accepted(answer: httpx.Response, url: str) -> httpx.Response:
    if answer.is_success:
        return answer
    request = f"{answer.request.method} {answer.request.url.path}"
    message = f"Airflow at {url} answers {answer.status_code} to {request}: {_detail(answer)}"
    if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise AirflowUnavailable(f"{message} Try again; its API server's log says more.")
    raise AirflowRefused(f"{message} Check the name, and your rights in Airflow.")


def _detail(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return "no reason given."
    told = detail if isinstance(detail, str) else "the request is not valid"
    return told.rstrip(".") + "."


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        raise AirflowRefused(
            f"{answer.request.url.host}:{answer.request.url.port} does not answer like Airflow: "
            "set EXCHANGE_AIRFLOW_URL to the address of its API server."
        ) from None
