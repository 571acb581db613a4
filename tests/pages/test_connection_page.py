"""One connection: goals, runs, quarantine, and what each role may do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from profile_exchange.domain.checks import Found, FoundProperty, FoundSegment
from profile_exchange.orchestration.pages import configured, connection
from profile_exchange.sample import loading
from profile_exchange.store.database import engine_for
from profile_exchange.store.tables import (
    adopted_property,
    profile_property,
    sign_in,
)
from profile_exchange.tenants.postgres.credentials import issue, list_credentials, revoke
from profile_exchange.tenants.postgres.exposure_checks import exposure_checks, note_failed_check
from profile_exchange.tenants.postgres.last_checks import note_let_in
from tests.pages.past import FOUND, past_run, pending, remember
from tests.pages.serving import Serving, shown
from tests.tenants.over_http import Tenant
from tests.tenants.scripted_partner import KEY, SECRET

NOW = datetime.now(UTC)
RULE = "expect_column_values_to_be_between"
HOSTILE = "<img src=x onerror=alert(1)>"


def test_runs_are_shown_with_their_counts_and_how_they_ended(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing)
    assert page.count('<li class="run">') == 12
    assert "does not accept the consumer key" in page
    assert 'aria-label="superseded 49, unmatched 1,722, ambiguous 43' in page
    assert "1,730</strong> would be modified" in page
    assert "took 42 s" in page
    assert page.count('<th scope="col" class="number">taken back</th>') == 1


def test_the_import_goal_is_shown_against_what_was_found(
    knowing: Serving, past: dict[str, str]
) -> None:
    gone = replace(FOUND, segments=FOUND.segments[:1], missing=("segment sports-readers",))
    note_let_in(past["harbor-goods"], "taylor-times", gone, now=NOW)
    page = shown(knowing)
    assert "4,102 profiles" in page
    assert "not exposed any more" in page
    assert "Named in the import goal and not exposed: segment sports-readers" in page
    assert "Favourite section" in page
    assert "RANGE" in page


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        (None, "was there before; if it holds values the run is refused"),
        ("another", "is written by another too: the run is refused"),
        ("taylor-times", ""),
    ],
)
def test_a_target_that_is_there_already_is_a_warning(
    knowing: Serving, stores: dict[str, str], owner: str | None, told: str
) -> None:
    with engine_for(stores["harbor-goods"]).begin() as database:
        known = {"id": "TaylorTimes_Section", "name": "Section", "filter_type": "SELECT"}
        database.execute(insert(profile_property).values(**known))
        if owner:
            mine = {"connection": owner, "property_id": known["id"], "adopted_at": NOW}
            database.execute(insert(adopted_property).values(**mine))
    page = shown(knowing)
    assert (told in page) if told else ('class="warning"' not in page)


def test_the_expose_goal_is_shown_with_what_may_leave(
    knowing: Serving, past: dict[str, str]
) -> None:
    page = shown(knowing, "harbor-goods")
    assert "4,106 profiles" in page
    assert "<strong>4,000</strong> sent" in page
    assert "Subscriber number" in page


@pytest.mark.usefixtures("past")
@pytest.mark.parametrize("role", ["viewer", "user", "op", "admin"])
def test_nobody_is_offered_what_they_may_not_do(knowing: Serving, role: str) -> None:
    offered = shown(knowing, role=role).count('method="post"')
    assert offered == (0 if role == "viewer" else 7)


def test_a_check_that_is_refused_says_why_on_the_page(
    knowing: Serving, stores: dict[str, str]
) -> None:
    answer = knowing.browser("user").post("/connections/taylor-times/check")
    assert answer.status_code == 200
    for page in (answer.text, shown(knowing)):
        assert 'class="arrow red"' in page
        assert "names the Airflow connection taylor_times, which does not exist" in page
        assert "was asked" not in page


def test_consents_are_counted_when_somebody_asks(knowing: Serving, past: dict[str, str]) -> None:
    assert "Count the consents" in shown(knowing)
    answer = knowing.browser("viewer").get("/connections/taylor-times/consent")
    assert answer.status_code == 200
    assert "Of 0 profiles of ours" in answer.text
    kept = shown(knowing)
    assert "Of 0 profiles of ours, counted" in kept
    assert "Count again" in kept


def test_what_a_partner_calls_things_is_escaped(knowing: Serving, stores: dict[str, str]) -> None:
    hostile = Found(
        segments=(FoundSegment("subscribers", HOSTILE, 1),),
        properties=(FoundProperty("favourite_section", HOSTILE, "SELECT"),),
        missing=(HOSTILE,),
    )
    note_let_in(stores["harbor-goods"], "taylor-times", hostile, now=NOW)
    page = shown(knowing)
    assert HOSTILE not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") == 3


def test_a_connection_whose_file_is_gone_keeps_its_history(
    knowing: Serving, past: dict[str, str], folder: Path
) -> None:
    file = folder / "connections" / "taylor-times.yaml"
    file.unlink()
    page = shown(knowing, role="op")
    assert "taylor-times (not configured)" in page
    assert "No file describes the connection any more" in page
    assert ">Edit<" not in page
    assert page.count('<li class="run">') == 12
    file.write_text("title: [")
    page = shown(knowing)
    assert "Its file has mistakes" in page
    assert page.count('<li class="run">') == 12
    assert "taylor-times.yaml:2" not in page
    assert "taylor-times.yaml:2" in shown(knowing, role="op")
    assert ">Edit<" in shown(knowing, role="op")


@pytest.mark.usefixtures("stores")
def test_a_connection_just_saved_says_that_airflow_will_read_it(
    knowing: Serving, folder: Path
) -> None:
    text = (folder / "connections" / "taylor-times.yaml").read_text()
    (folder / "connections" / "just-saved.yaml").write_text(text)
    page = shown(knowing, "just-saved", "op")
    assert "Airflow has not read its file yet. It will by itself" in page
    assert 'data-live="' in page
    assert ">Run now<" not in page
    assert "Airflow has not read its file yet. It will" not in shown(knowing)


@pytest.mark.usefixtures("stores")
def test_there_is_no_page_of_what_is_no_connection(knowing: Serving) -> None:
    for name in ("nobody", "%00", "a%00b"):
        answer = knowing.browser("viewer").get(f"/connections/{name}")
        assert answer.status_code == 404
        assert "There is no connection of this name" in answer.text
        assert "taylor-times" not in answer.text


@pytest.mark.usefixtures("stores")
def test_beside_a_dag_that_is_no_connection_stands_just_that(
    knowing: Serving, folder: Path
) -> None:
    (folder / "connections" / "harbor-goods.yaml").unlink()
    answer = knowing.browser("viewer").get("/connections/harbor-goods")
    assert "The DAG <code>harbor-goods</code> exchanges no profiles" in answer.text
    assert 'role="alert"' not in answer.text


@pytest.mark.usefixtures("stores")
def test_a_defect_has_a_page_of_its_own_that_tells_nothing(
    knowing: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a-value-of-somebody")

    monkeypatch.setattr(connection, "shown", broken)
    answer = knowing.browser("viewer", raises=False).get("/connections/taylor-times")
    assert answer.status_code == 500
    assert "This is a defect of the page" in answer.text
    assert "a-value-of-somebody" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_run_that_did_not_come_to_counts_is_shown(
    knowing: Serving, stores: dict[str, str]
) -> None:
    remember(stores["harbor-goods"], [pending(0)])
    assert '<span class="state unknown">' in shown(knowing)


def facts(page: str) -> dict[str, str]:
    """What a page says of a connection, by what it is about, in words."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", told).split()) for name, told in found}


def rewritten(folder: Path, name: str, old: str, new: str) -> None:
    file = folder / "connections" / f"{name}.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))


def test_a_run_whose_check_of_what_is_exposed_failed_has_failed(
    knowing: Serving, stores: dict[str, str]
) -> None:
    remember(stores["harbor-goods"], [past_run(0)])
    note_failed_check(stores["harbor-goods"], "taylor-times", "manual__0", "It ends.", now=NOW)
    page = shown(knowing)
    assert 'class="state failed"' in page
    assert 'class="state succeeded"' not in page
    assert "The import succeeded. The check of what the partner may do failed: It ends." in page


def test_what_the_partner_may_do_stands_apart_from_what_runs(
    knowing: Serving, past: dict[str, str], folder: Path
) -> None:
    told = facts(shown(knowing, "harbor-goods", "op"))
    assert told["The partner may read"].startswith("yes At any time, whether runs are on or off")
    assert told["Runs"].startswith("off Switch runs on")
    assert "What the partner may read stays as it is" in told["Runs"]
    rewritten(folder, "harbor-goods", "tenant:", "enabled: false\ntenant:")
    page = shown(knowing, "harbor-goods", "op")
    assert facts(page)["The partner may read"].startswith("no The connection is off in its file")
    assert 'class="arrow grey"' in page
    assert "Switch runs" not in page


@pytest.mark.usefixtures("past")
def test_what_is_off_in_its_file_is_neither_run_nor_previewed(
    knowing: Serving, folder: Path
) -> None:
    assert ">Run now<" in shown(knowing, role="op")
    rewritten(folder, "taylor-times", "tenant:", "enabled: false\ntenant:")
    page = shown(knowing, role="op")
    assert ">Run now<" not in page
    assert ">Preview<" not in page
    assert "The partner may" not in page


def test_a_preview_shows_all_that_it_foresaw(knowing: Serving, past: dict[str, str]) -> None:
    page = shown(knowing)
    assert page.count("What a run would do, by property and by segment") == 1
    assert page.count("<td>would be changed in our store</td>") == 1
    plan = page.split("What a run would do, by property and by segment", 1)[1]
    assert "Profiles of ours that match: 1,815" in plan
    assert '<th scope="row">TaylorTimes_Section</th><td class="number">1,500</td>' in plan
    of_segment = plan.partition('<th scope="row">subscribers</th>')[2].partition("</tr>")[0]
    numbers = [int(each.replace(",", "")) for each in re.findall(r">([\d,]+)<", of_segment)]
    assert numbers[0] == sum(numbers[1:]) == 4390


def test_the_keys_of_the_partner_are_shown_without_their_secrets(
    knowing: Serving, stores: dict[str, str]
) -> None:
    page = shown(knowing, "harbor-goods")
    assert "No consumer key was issued, so it cannot sign in" in page
    assert "Our host name: <code>taylor-times.localhost</code>" in page
    issued = issue(stores["taylor-times"], "harbor-goods", now=NOW)
    used = {"client_id": issued.key, "connection": "harbor-goods", "address": "::1"}
    with engine_for(stores["taylor-times"]).begin() as database:
        database.execute(insert(sign_in).values(at=NOW, outcome="granted", **used))
    page = shown(knowing, "harbor-goods")
    assert f"<code>{issued.key}</code></th><td>read</td><td>active</td>" in page
    assert issued.secret not in page
    assert f'title="{NOW:%Y-%m-%d %H:%M} UTC"' in page.split(issued.key, 1)[1]
    assert page.count("<td>never</td>") == 1


def test_a_grant_is_green_only_with_a_key_to_use_it(knowing: Serving, past: dict[str, str]) -> None:
    assert 'class="arrow green"' in shown(knowing, "harbor-goods")
    (key,) = list_credentials(past["taylor-times"], "harbor-goods")
    revoke(past["taylor-times"], "harbor-goods", key.key, now=NOW)
    page = shown(knowing, "harbor-goods")
    assert 'class="arrow grey"' in page
    assert "No consumer key is in use that was issued for the partner" in page


ACCEPTING = """\
title: Magpie
tenant: taylor-times
partner: {name: Magpie, host: magpie.localhost}
accept:
  properties: {age: [SET]}
  identifiers: [email]
"""


def test_a_connection_that_accepts_is_checked_and_keeps_its_checks(
    knowing: Serving, stores: dict[str, str], folder: Path
) -> None:
    loading.load("taylor-times", stores["taylor-times"], 10, now=NOW)
    (folder / "connections" / "magpie.yaml").write_text(ACCEPTING)
    assert ">Check now<" in shown(knowing, "magpie", "op")
    assert "It has not run yet" in shown(knowing, "magpie")
    answer = knowing.browser("op").post("/connections/magpie/check")
    assert "The grant is in order.</p>" in answer.text
    assert "Magpie has no consumer key that it may use" in answer.text
    page = shown(knowing, "magpie")
    assert page.count('<li class="run">') == 1
    assert "The partner may write" in facts(page)


def test_a_grant_is_checked_at_once_whether_its_dag_runs_or_not(
    knowing: Serving, stores: dict[str, str]
) -> None:
    loading.load("taylor-times", stores["taylor-times"], 10, now=NOW)
    answer = knowing.browser("op").post("/connections/harbor-goods/check")
    assert "The grant is in order. May leave: " in answer.text, facts(answer.text)
    assert "was asked" not in answer.text
    (check,) = exposure_checks(stores["taylor-times"], "harbor-goods")
    assert check.exposed is not None
    assert not check.failure


@pytest.fixture
def partner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    """The other tenant of the sample, and the Airflow connection to it."""
    tenant = Tenant()
    with tenant.running() as running:
        kept = {"conn_type": "http", "host": "taylor-times.localhost", "login": KEY}
        kept |= {"password": SECRET, "extra": {"base_url": running.base_url}}
        monkeypatch.setenv("AIRFLOW_CONN_TAYLOR_TIMES", json.dumps(kept))
        yield tenant


@pytest.mark.usefixtures("partner")
def test_a_check_says_all_that_it_found(
    knowing: Serving, stores: dict[str, str], folder: Path
) -> None:
    rewritten(folder, "taylor-times", "tenant:", "notifications: {emails: [a@b.example]}\ntenant:")
    answer = knowing.browser("op").post("/connections/taylor-times/check").text
    assert "Taylor Times was asked, and lets us in: 1 segment and 2 profile properties" in answer
    assert "Mails go through the Airflow connection smtp_default, which does not exist" in answer
    assert "Named in the import goal and not exposed: " in answer


def test_a_statement_that_takes_too_long_takes_nothing_else_along(
    knowing: Serving, past: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configured, "STATEMENT_SECONDS", 0.3)
    with engine_for(past["harbor-goods"]).begin() as database:
        database.execute(text("lock table exchange.quarantine in access exclusive mode"))
        page = shown(knowing)
    assert "The quarantine: The profile store at 127.0.0.1" in page
    assert "broke a statement off because it took too long" in page
    assert "start it, or correct the URL" not in page
    assert page.count('<li class="run">') == 12


def test_every_run_there_was_can_be_gone_back_to(knowing: Serving, stores: dict[str, str]) -> None:
    remember(stores["harbor-goods"], [past_run(number) for number in range(30)])
    page = shown(knowing)
    assert page.count('<li class="run">') == 25
    (older,) = re.findall(r'taylor-times(\?before=[^"#]*)#history', page)
    page = shown(knowing, f"taylor-times{older}")
    assert page.count('<li class="run">') == 5
    assert "Earlier runs" not in page
    assert "2026-05-05 12:00 UTC" in page


@pytest.mark.usefixtures("stores")
def test_whoever_is_told_is_named(knowing: Serving, folder: Path) -> None:
    slack = "airflow.providers.slack.notifications.slack.SlackNotifier"
    told = f"notifications: {{overdue_after: 2h, notifiers: [{{type: {slack}}}]}}"
    rewritten(folder, "taylor-times", "tenant:", f"{told}\ntenant:")
    assert facts(shown(knowing))["Who is told"] == (
        "SlackNotifier when a run fails, and when one takes longer than 2 h 0 min"
    )


@pytest.mark.usefixtures("past")
def test_runs_that_are_only_planned_say_so_and_moments_are_in_their_zone(
    knowing: Serving, folder: Path
) -> None:
    schedule = "schedule: {times_per_day: 2, timezone: Europe/Amsterdam}"
    rewritten(folder, "taylor-times", "tenant:", f"{schedule}\ntenant:")
    page = shown(knowing)
    assert "Only once runs are switched on" in facts(page)["Schedule"]
    title = 'title="2026-05-12 12:00 UTC">2026-05-12 14:00 CEST<'
    assert f'<time datetime="2026-05-12T12:00:00Z" {title}' in page
