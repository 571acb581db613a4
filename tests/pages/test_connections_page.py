"""All connections: what each shows at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from profile_exchange.tenants.postgres.exposure_checks import note_failed_check
from profile_exchange.tenants.postgres.last_checks import note_kept_out
from tests.pages.past import checked, full_past, past_run, pending, remember
from tests.pages.serving import Serving

NOW = datetime.now(UTC)


def listing(server: Serving, query: str = "", role: str = "viewer") -> str:
    answer = server.browser(role).get(f"/{query}")
    assert answer.status_code == 200
    return answer.text


@pytest.mark.usefixtures("stores")
def test_a_connection_that_never_asked_has_a_grey_arrow(server: Serving) -> None:
    page = listing(server)
    assert page.count('class="arrow grey"') == 2
    assert "Never checked" in page


def test_what_was_let_in_has_a_green_arrow_and_its_last_runs(
    server: Serving, stores: dict[str, str]
) -> None:
    full_past(stores["harbor-goods"])
    checked(stores["taylor-times"])
    page = listing(server)
    assert page.count('class="arrow green"') == 2
    assert page.count("<rect") == 12 + 5
    assert "2026-05-12 12:00 succeeded: 4,390 profiles" in page


def test_what_was_kept_out_has_a_red_arrow_with_the_reason(
    server: Serving, stores: dict[str, str]
) -> None:
    note_kept_out(stores["harbor-goods"], "taylor-times", "The secret is wrong.", now=NOW)
    page = listing(server)
    assert 'class="arrow red"' in page
    assert "The secret is wrong." in page


@pytest.mark.usefixtures("stores")
def test_it_can_be_narrowed_to_favorites_and_labels(server: Serving) -> None:
    assert "1 of 2 connections" in listing(server, "?favorite=true")
    assert "1 of 2 connections" in listing(server, "?label=publisher&label=sample")
    assert "No connection is like that" in listing(server, "?label=none-of-them")


@pytest.mark.usefixtures("stores")
def test_mistakes_in_files_are_told_to_those_who_may_mend_them(
    server: Serving, folder: Path
) -> None:
    (folder / "connections" / "broken.yaml").write_text("title: [")
    assert "broken.yaml" not in listing(server)
    page = listing(server, role="op")
    assert "broken.yaml" in page
    assert 'href="/profile-exchange/connections/broken/edit" aria-label="Edit broken"' in page


@pytest.mark.parametrize("role", ["viewer", "op"])
def test_connections_without_a_sound_file_are_listed_with_their_history(
    server: Serving, stores: dict[str, str], folder: Path, role: str
) -> None:
    full_past(stores["harbor-goods"])
    checked(stores["taylor-times"])
    assert "Without a sound file" not in listing(server, role=role)
    (folder / "connections" / "taylor-times.yaml").unlink()
    (folder / "connections" / "harbor-goods.yaml").write_text("title: [")
    page = listing(server, role=role)
    assert 'taylor-times">taylor-times</a> <span class="muted">its file is gone<' in page
    assert 'harbor-goods">harbor-goods</a> <span class="warning">its file has mistakes<' in page
    assert "Without a sound file" not in listing(server, "?favorite=true", role)


@pytest.mark.usefixtures("stores")
def test_a_file_that_changes_is_read_again(server: Serving, folder: Path) -> None:
    assert "Renamed" not in listing(server)
    file = folder / "connections" / "taylor-times.yaml"
    file.write_text(file.read_text().replace("title: Taylor Times", "title: Renamed"))
    assert "Renamed" in listing(server)


def test_a_store_that_is_away_says_so_and_hides_no_connection(
    server: Serving, stores: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "postgresql://nobody:secret@127.0.0.1:1/none"
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", nowhere)
    page = listing(server)
    assert "2 of 2 connections" in page
    assert "127.0.0.1:1/none does not answer" in page
    assert "secret@" not in page


@pytest.mark.usefixtures("stores")
def test_what_a_partner_may_do_is_told_apart_from_what_runs(server: Serving, folder: Path) -> None:
    told = 'the partner may read: <span class="switch {}">{}</span>'
    assert told.format("on", "yes") in listing(server)
    file = folder / "connections" / "harbor-goods.yaml"
    file.write_text(f"enabled: false\n{file.read_text()}")
    assert told.format("off", "no") in listing(server)


@pytest.mark.usefixtures("stores")
def test_a_slot_that_came_while_a_run_is_going_waits_for_its_end(server: Serving) -> None:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    server.learn()
    with create_session() as session:
        known = session.get_one(DagModel, "taylor-times")
        known.is_paused = False
        known.next_dagrun_create_after = NOW - timedelta(minutes=5)
    assert "<td>now</td>" in listing(server)
    assert server.browser("op").post("/connections/taylor-times/run").status_code == 303
    assert "<td>when this run has ended</td>" in listing(server)


def test_what_airflow_has_ended_is_not_said_to_be_running(
    server: Serving, stores: dict[str, str]
) -> None:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        session.execute(delete(DagRun))
    remember(stores["harbor-goods"], [past_run(0), pending(1)])
    page = listing(server)
    assert "2026-05-02 12:00 failed: no counts" in page
    assert "running" not in page


def test_a_run_whose_check_of_what_is_exposed_failed_has_failed(
    server: Serving, stores: dict[str, str]
) -> None:
    remember(stores["harbor-goods"], [past_run(0)])
    note_failed_check(stores["harbor-goods"], "taylor-times", "manual__0", "It ends.", now=NOW)
    assert "2026-05-01 12:00 failed: 4,390 profiles" in listing(server)


HOSTILE = "<script>alert(1)</script>'\"{{ 7 * 7 }}"


def test_what_a_file_says_is_escaped(server: Serving, stores: dict[str, str], folder: Path) -> None:
    file = folder / "connections" / "taylor-times.yaml"
    quoted = HOSTILE.replace("'", "''")
    file.write_text(file.read_text().replace("title: Taylor Times", f"title: '{quoted}'"))
    remember(stores["harbor-goods"], [past_run(0)])
    note_kept_out(stores["harbor-goods"], "taylor-times", HOSTILE, now=NOW)
    page = listing(server)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "49" not in page.split("<main", 1)[1].split("2026", 1)[0]
