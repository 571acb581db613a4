"""What the tests ask of a running installation: a run, a request to Airflow, a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select

from profile_exchange.installation.airflow_api import RunState
from profile_exchange.installation.launch import Installation
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import run as runs

CONNECTION = "taylor-times"


def finished(
    installation: Installation,
    dag_id: str = CONNECTION,
    watch: Callable[[RunState], None] = lambda _: None,
) -> RunState:
    run_id = installation.api.trigger(dag_id)
    for state in installation.follow(dag_id, run_id):
        watch(state)
    return state


def recorded(installation: Installation, run_id: str) -> Mapping[str, Any]:
    """The run's row in the importing tenant's database, its newest attempt."""
    query = select(runs).where(runs.c.run_id == run_id).order_by(runs.c.seq.desc()).limit(1)
    with engine_for(installation.store_url("harbor-goods")).connect() as database:
        return database.execute(query).mappings().one()


def airflow(installation: Installation, method: str, path: str, **options: Any) -> Any:
    """A request to Airflow's REST API that the launcher has no need of."""
    answer = installation.api._authorised(method, f"/api/v2{path}", **options)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def seen(
    installation: Installation, condition: Callable[[], bool], what: str, seconds: float = 120
) -> None:
    """Wait for something that Airflow is asked about: every question takes of its time."""
    installation.supervisor.wait_until(condition, what, seconds, every=0.5)


def read_again(installation: Installation, dag_id: str = CONNECTION) -> None:
    """Have Airflow read a DAG's file now, and not when its turn comes."""
    token = airflow(installation, "GET", f"/dags/{dag_id}")["file_token"]
    airflow(installation, "PUT", f"/parseDagFile/{token}")


def exchange(
    installation: Installation, *arguments: str, connections: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """The command line, as its user calls it beside this installation."""
    folder = {"EXCHANGE_CONNECTIONS_DIR": str(connections)} if connections else {}
    return subprocess.run(
        _command(*arguments),
        env={**_environment(installation), **folder},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@dataclass(frozen=True)
class Commanded:
    """A command that had Airflow run a connection, and the run as Airflow shows it."""

    done: subprocess.CompletedProcess[str]
    answer: dict[str, Any]
    state: RunState
    #: Whether a profile of ours was written meanwhile.
    wrote: bool


def commanded(installation: Installation, command: str) -> Commanded:
    """What a command that has the import run came to."""
    before = _written(installation)
    done = exchange(installation, command, CONNECTION, "--json")
    assert done.stdout, done.stderr
    answer = json.loads(done.stdout)
    state = installation.api.run(CONNECTION, answer["run_id"])
    return Commanded(done, answer, state, wrote=_written(installation) != before)


def _written(installation: Installation) -> tuple[Any, ...] | None:
    """What differs after any of our profiles was written."""
    query = "select max(modified_at), sum(xmin::text::bigint) from tenant.profile"
    with psycopg.connect(installation.store_url("harbor-goods")) as store:
        return store.execute(query).fetchone()


@contextmanager
def exchange_running(
    installation: Installation, told: Path, *arguments: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The command line at work; what it says so far is in the file ``told``."""
    environment = _environment(installation)
    with (
        told.open("wb") as out,
        subprocess.Popen(_command(*arguments), env=environment, stdout=out) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("exchange")), *arguments]


def _environment(installation: Installation) -> dict[str, str]:
    return {
        **os.environ,
        "EXCHANGE_STATE_DIR": str(installation.layout.state),
        "EXCHANGE_SECRETS_DIR": str(installation.layout.secrets),
        "EXCHANGE_CONNECTIONS_DIR": str(installation.project.connections),
        "EXCHANGE_TENANTS_DIR": str(installation.project.tenants),
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


def everyone_reads_more(installation: Installation) -> None:
    """What the next import adds up grew, so that it has something to write whatever ran before."""
    one_more = """
        update tenant.profile set properties = properties || jsonb_build_object('articles_read',
            jsonb_build_array(((properties->'articles_read'->>0)::int + 1)::text))
        where properties->'articles_read'->>0 ~ '^[0-9]{1,5}$'
    """
    with psycopg.connect(installation.store_url("taylor-times")) as store:
        assert store.execute(one_more).rowcount


@contextmanager
def edited(file: Path, *changes: tuple[str, str]) -> Iterator[None]:
    """A configuration file with some text replaced, for as long as the context lasts."""
    before = file.read_text()
    after = before
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    file.write_text(after)
    try:
        yield
    finally:
        file.write_text(before)
