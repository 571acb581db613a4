"""The embedded server keeps its data and its port, and stops only what is its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from profile_exchange.installation.embedded_postgres import EmbeddedPostgres, PostgresFailed
from profile_exchange.installation.ports import PortInUse, any_free_port
from tests.folders import enterable

SMALL = {"fsync": "off", "shared_buffers": "'16MB'", "max_connections": "10"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return enterable(tmp_path_factory.mktemp("server"))


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(folder, settings=SMALL) as server:
        yield server


def test_databases_and_port_outlast_a_restart(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=SMALL) as first:
        first.create_database("kept")
        port = first.port
    with EmbeddedPostgres(folder, settings=SMALL) as second:
        assert second.port == port
        with psycopg.connect(second.url("kept")) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_can_keep_its_installation_where_only_root_can_enter(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    for _ in ("made", "found again"):
        with (
            EmbeddedPostgres(private / "server", settings=SMALL) as server,
            psycopg.connect(server.url()) as connection,
        ):
            assert connection.execute("select 1").fetchone() == (1,)


def test_what_is_in_memory_is_brought_to_disk_without_a_stop(server: EmbeddedPostgres) -> None:
    def written() -> str:
        return str(
            connection.execute("select checkpoint_lsn from pg_control_checkpoint()").fetchone()
        )

    with psycopg.connect(server.url(), autocommit=True) as connection:
        before = written()
        connection.execute("create table made ()")
        server.write_out()
        deadline = time.monotonic() + 30
        while written() == before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert written() != before


def test_only_the_password_opens_the_server(server: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.url().replace(server.password, "wrong"))


def test_a_server_left_behind_is_stopped_before_the_next_starts(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; "
        "from profile_exchange.installation.embedded_postgres import EmbeddedPostgres; "
        f"s = EmbeddedPostgres(Path(sys.argv[1]), settings={SMALL!r}); s.start(); "
        "print(s.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    left = subprocess.run(
        [sys.executable, "-c", program, str(folder)], check=False, capture_output=True, text=True
    )
    assert left.returncode == -signal.SIGKILL
    old = psutil.Process(int(left.stdout))
    with EmbeddedPostgres(folder, settings=SMALL) as server:
        assert not (old.is_running() and old.status() != psutil.STATUS_ZOMBIE)
        assert server.poll() is None


def test_an_old_process_file_that_names_another_program_harms_it_not(folder: Path) -> None:
    with EmbeddedPostgres(folder, settings=SMALL):
        pass
    other = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    try:
        (folder / "data" / "postmaster.pid").write_text(f"{other.pid}\n{folder / 'data'}\n")
        with EmbeddedPostgres(folder, settings=SMALL):
            assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_port_in_use_is_told_by_name(server: EmbeddedPostgres, tmp_path: Path) -> None:
    with pytest.raises(PortInUse, match=f"Port {server.port}"):
        EmbeddedPostgres(tmp_path, port=server.port).start()


def test_the_last_port_is_given_up_when_another_service_has_it(folder: Path) -> None:
    port = any_free_port()
    (folder / "port").write_text(str(port))
    with EmbeddedPostgres(folder, settings=SMALL, taken={port}) as server:
        assert server.port != port


def test_a_server_that_was_killed_is_told(server: EmbeddedPostgres) -> None:
    assert server.pid
    os.kill(server.pid, signal.SIGQUIT)
    while server.poll() is None:
        pass
    with pytest.raises(PostgresFailed, match="PostgreSQL stopped by itself"):
        server.check()
