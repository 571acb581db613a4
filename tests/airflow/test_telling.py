"""The ways of telling, and how each says what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import BaseNotifier

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import (
    ConfigurationError,
    ExchangeError,
    NotTold,
    StoreUnavailable,
)
from profile_exchange.domain.fates import Step
from profile_exchange.domain.notifications import ConfiguredNotifier, Notifications, Occasion
from profile_exchange.installation.ports import any_free_port
from profile_exchange.notices.once import Telling, once
from profile_exchange.notices.outcome import Ending, Outcome
from profile_exchange.orchestration import dags, notify, telling
from profile_exchange.orchestration.mail_server import missing_server
from profile_exchange.orchestration.notifiers import use
from profile_exchange.orchestration.post import post
from tests.airflow.mail_server import MailServer, text_of

if TYPE_CHECKING:
    from airflow.sdk import Context

OPERATOR = "data@harbor-goods.example"
TOLD = Notifications(emails=(OPERATOR,))
SAMPLE = registry.connection("taylor-times", PROJECT_ROOT / "include" / "connections")
NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
FAILED = Outcome(SAMPLE, "run-1", Ending.FAILED, NOW, NOW, failures=("gate: too many.",))


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer().running() as running:
        yield running


@pytest.fixture
def stored(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Airflow connection of the mail server, as the environment holds it; may be changed."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "exchange@example.com"}
    made = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(made))
    return made


def mailed() -> None:
    def write(sender: str) -> Any:
        from profile_exchange.notices.mail import mail

        return mail(FAILED, "", sender=sender, to=TOLD.emails)

    with post(TOLD) as session:
        session.send(OPERATOR, write)


@pytest.mark.usefixtures("stored")
def test_a_mail_goes_through_the_server_of_the_airflow_connection(server: MailServer) -> None:
    mailed()
    (message,) = server.mails
    assert server.recipients == [[OPERATOR]]
    assert message["From"] == "exchange@example.com"
    assert "gate: too many." in text_of(message)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("answer", "kind"), [("451 not now", NotTold), ("554 spam of data@x", ConfigurationError)]
)
def test_a_server_that_refuses_is_asked_again_only_where_that_can_help(
    server: MailServer, answer: str, kind: type[ExchangeError]
) -> None:
    server.refusals, server.answer = 1, answer
    with pytest.raises(
        kind, match=f"smtp_default did not take the mail \\({answer[:3]}\\)"
    ) as told:
        mailed()
    assert "spam" not in str(told.value)


def test_a_server_that_hangs_up_may_come_back(
    stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up() -> None:
        door.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as door:
        stored["port"] = door.getsockname()[1]
        stored["extra"]["retry_limit"] = 0
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(stored))
        threading.Thread(target=hang_up, daemon=True).start()
        with pytest.raises(NotTold, match="smtp_default does not answer"):
            mailed()


@pytest.mark.usefixtures("stored")
def test_a_server_that_is_away_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Any:
        raise ConnectionRefusedError

    monkeypatch.setattr(smtplib, "SMTP", refused)
    with pytest.raises(NotTold, match=r"smtp_default does not answer \(ConnectionRefusedError\)"):
        mailed()


def test_a_mail_server_that_nobody_configured_is_told() -> None:
    told = missing_server(TOLD, lambda _: None)
    assert told is not None
    assert "smtp_default, which does not exist: add it under Admin > Connections" in told
    nameless = SimpleNamespace(extra_dejson={})
    assert "From email" in (missing_server(TOLD, lambda _: nameless) or "")
    assert missing_server(None, lambda _: None) is None
    assert (
        missing_server(Notifications(notifiers=(ConfiguredNotifier("a.B"),)), lambda _: None)
        is None
    )


class Postcard(BaseNotifier):
    """A notifier that remembers what it was to tell."""

    template_fields = ("text",)
    sent: list[str] = []  # noqa: RUF012

    def __init__(self, text: str, fail: bool = False) -> None:
        super().__init__()
        self.text, self.fail = text, fail

    def notify(self, context: Any) -> None:
        if self.fail:
            raise ValueError(self.text)
        self.sent.append(self.text)


POSTCARD = f"{__name__}.Postcard"


def used(path: str, **kwargs: Any) -> None:
    told = {"subject": "It failed"}
    use(ConfiguredNotifier(path, kwargs), told, run_id="run-1", dag_id="taylor-times")


def test_a_notifier_finds_what_happened_in_its_templates() -> None:
    Postcard.sent.clear()
    used(POSTCARD, text="{{ exchange.subject }} ({{ dag_id }}, {{ run_id }})")
    assert Postcard.sent == ["It failed (taylor-times, run-1)"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ conn.taylor_times.password }}",
        "{{ var.value.hush }}",
        "{{ ti.get_template_context()['conn'].taylor_times.password }}",
        "{{ dag.default_args }}",
        "{{ exchange.__class__.__mro__ }}",
        "{{ exchange.subject.__class__.__init__.__globals__ }}",
    ],
)
def test_a_notifiers_templates_find_no_secret_of_airflow(
    monkeypatch: pytest.MonkeyPatch, template: str
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_TAYLOR_TIMES", "http://key:hush-hush@taylor-times.localhost")
    monkeypatch.setenv("AIRFLOW_VAR_HUSH", "hush-hush")
    Postcard.sent.clear()
    with pytest.raises(NotTold) as error:
        used(POSTCARD, text=template)
    assert "hush" not in str(error.value)
    assert Postcard.sent == []


@pytest.mark.parametrize(
    ("path", "kwargs", "kind", "told"),
    [
        ("airflow.providers.nowhere.Notifier", {}, ConfigurationError, "cannot be imported"),
        ("os.path.Notifier", {}, ConfigurationError, r"cannot be imported \(AttributeError\)"),
        ("pathlib.Path", {}, ConfigurationError, "is not one of Airflow's notifiers"),
        ("os.path.join", {}, ConfigurationError, "is not one of Airflow's notifiers"),
        (POSTCARD, {"txt": "secret"}, ConfigurationError, "cannot be made with its arguments"),
        (POSTCARD, {"text": "secret", "fail": True}, NotTold, r"failed \(ValueError\)"),
    ],
)
def test_a_notifier_that_cannot_be_used_says_so_in_one_sentence(
    path: str, kwargs: dict[str, Any], kind: type[ExchangeError], told: str
) -> None:
    with pytest.raises(kind, match=told) as error:
        used(path, **kwargs)
    assert "secret" not in str(error.value)


def test_a_way_that_fails_keeps_no_other_from_telling(
    store_url: str, stored: dict[str, Any], server: MailServer
) -> None:
    Postcard.sent.clear()
    ways = (ConfiguredNotifier("a.B"), ConfiguredNotifier(POSTCARD, {"text": "still told"}))
    notifications = Notifications(emails=(OPERATOR,), notifiers=ways)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"a\.B cannot be imported"):
            telling.tell(FAILED, notifications, store_url)
    assert (Postcard.sent, len(server.mails)) == (["still told"], 1)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("answer", "kind"), [("450 later", NotTold), ("550 unknown", ConfigurationError)]
)
def test_an_address_that_a_server_does_not_take_is_told_and_keeps_no_other_from_its_mail(
    store_url: str, server: MailServer, answer: str, kind: type[ExchangeError]
) -> None:
    notifications = Notifications(emails=("gone@example.com", OPERATOR))
    server.unknown = {"gone@example.com": answer}
    for _ in range(2):
        with pytest.raises(kind, match=f"did not take the mail \\({answer[:3]}\\)"):
            telling.tell(FAILED, notifications, store_url)
    assert server.recipients == [[OPERATOR]]
    server.unknown.clear()
    assert telling.tell(FAILED, notifications, store_url) == 1
    assert server.recipients == [[OPERATOR], ["gone@example.com"]]


def test_a_server_that_is_away_is_asked_once_for_all_addresses(
    stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def hang_up(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise smtplib.SMTPServerDisconnected

    monkeypatch.setattr(smtplib, "SMTP", hang_up)
    with pytest.raises(NotTold):
        telling.tell(FAILED, Notifications(emails=(OPERATOR, "second@example.com")), None)
    assert len(asked) == 1


def notifying(connection: Connection = SAMPLE, **told: Any) -> Any:
    from dataclasses import replace

    return dags.build(replace(connection, notifications=Notifications(emails=(OPERATOR,), **told)))


def test_only_a_connection_that_tells_somebody_has_the_task() -> None:
    plain, telling_one = dags.build(SAMPLE), notifying()
    assert set(telling_one.task_dict) - set(plain.task_dict) == {notify.NOTIFY}
    assert notify.tell_failure not in (plain.on_failure_callback or [])
    assert plain.deadline is None
    assert telling_one.on_failure_callback[0] is notify.tell_failure


def test_the_task_tells_and_does_not_decide() -> None:
    task = notifying().get_task(notify.NOTIFY)
    assert (task.is_teardown, task.on_failure_fail_dagrun) == (True, False)
    assert task.upstream_task_ids == {Step.PULL, Step.UPSERT, Step.REPORT}
    assert not task.on_failure_callback
    exposing = registry.connection("harbor-goods", PROJECT_ROOT / "include" / "connections")
    assert notifying(exposing).get_task(notify.NOTIFY).upstream_task_ids == {"check_credentials"}


def test_a_deadline_is_kept_by_the_triggerer() -> None:
    (alert,) = notifying(overdue_after=timedelta(hours=2)).deadline
    assert alert.interval == timedelta(hours=2)
    assert alert.callback.path == "profile_exchange.orchestration.notify.tell_overdue"
    assert type(alert.callback).__name__ == "AsyncCallback"
    assert not notifying().deadline


class Told(dict[str, Any]):
    """A task's context with the states of the run's tasks."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = {**states, notify.NOTIFY: "running"}
        dag_run = SimpleNamespace(dag_id="taylor-times", run_id="run-1", start_date=NOW)
        super().__init__(ti=self, dag_run=dag_run, dag=SimpleNamespace(task_ids=[*Step]))

    def get_task_states(self, dag_id: str, run_ids: list[str]) -> dict[str, dict[str, str]]:
        return dict.fromkeys(run_ids, self.states)


def test_a_run_is_seen_by_the_states_of_its_other_tasks() -> None:
    seen = notify._seen(Told({"pull_0": "success", "pull_1": "failed", "join": "upstream_failed"}))
    assert seen is not None
    assert (seen.failed, seen.failed_tasks) == (True, ("pull",))
    preview = notify._seen(Told({"gate": "success", "upsert": "skipped"}))
    assert preview is not None
    assert not preview.failed


def test_a_slot_that_was_left_out_is_nothing_to_tell() -> None:
    assert notify._seen(Told({"authenticate": "skipped", "pull": "skipped"})) is None


def test_who_wants_failures_is_not_told_of_successes() -> None:
    assert [TOLD.wanted(failed=failed) for failed in (True, False)] == [True, False]
    always = Notifications(emails=(OPERATOR,), when=Occasion.ALWAYS)
    assert [always.wanted(failed=failed) for failed in (True, False)] == [True, True]


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample's importing connection, which tells of every run, and a store that is away."""
    text = (PROJECT_ROOT / "include" / "connections" / "taylor-times.yaml").read_text()
    ways = f"notifiers: [{{type: {POSTCARD}, kwargs: {{text: told}}}}], overdue_after: 2h"
    told = f"notifications: {{emails: [{OPERATOR}], when: always, {ways}}}\n"
    (tmp_path / "taylor-times.yaml").write_text(told + text)
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(tmp_path))
    monkeypatch.setenv("EXCHANGE_SECRETS_DIR", str(tmp_path / "secrets"))
    nowhere = f"postgresql://nobody:hush-hush@127.0.0.1:{any_free_port()}/nowhere"
    monkeypatch.setenv(STORE, nowhere)
    settings.cache_clear()
    Postcard.sent.clear()


STORE = "EXCHANGE_SECRET_HARBOR_GOODS_STORE"
FAILED_RUN = cast("Context", {"dag": SimpleNamespace(dag_id="taylor-times"), "run_id": "run-1"})


@pytest.mark.usefixtures("stored", "configured")
def test_that_the_ledger_is_lost_is_told_all_the_same(server: MailServer) -> None:
    notify.tell_failure(FAILED_RUN)
    (message,) = server.mails
    assert message["Subject"] == "Taylor Times: the import failed"
    assert "The profile store at 127.0.0.1:" in text_of(message)
    assert "hush-hush" not in text_of(message)


@pytest.mark.usefixtures("stored", "configured")
def test_that_nobody_knows_where_the_ledger_is_is_told_too(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(STORE)
    notify.tell_failure(FAILED_RUN)
    (message,) = server.mails
    assert STORE in text_of(message)


@pytest.mark.usefixtures("stored", "configured")
def test_that_the_ledger_is_not_what_it_should_be_is_told_too(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    monkeypatch.setenv(STORE, store_url.rpartition("/")[0] + "/postgres")
    notify.tell_failure(FAILED_RUN)
    assert len(server.mails) == 1


@pytest.mark.usefixtures("stored", "configured")
def test_a_ledger_that_goes_away_while_it_is_told_makes_no_way_tell_twice(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, store_url: str
) -> None:
    @contextmanager
    def kept_once(url: str, told: Telling, now: datetime) -> Iterator[bool]:
        if not told.way.startswith(telling.MAIL):
            raise StoreUnavailable("gone")
        with once(url, told, now) as first:
            yield first

    monkeypatch.setenv(STORE, store_url)
    monkeypatch.setattr(telling, "once", kept_once)
    notify.tell_failure(FAILED_RUN)
    assert (len(server.mails), Postcard.sent) == (1, ["told"])


def late(state: str = "running") -> dict[str, Any]:
    run = {"dag_id": "taylor-times", "dag_run_id": "run-1", "state": state, "start_date": None}
    return {"dag_run": run}


@pytest.mark.usefixtures("stored", "configured")
@pytest.mark.parametrize("known", [True, False], ids=["away", "unknown"])
def test_that_a_run_is_overdue_is_told_without_a_ledger(
    server: MailServer, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if not known:
        monkeypatch.delenv(STORE)
    asyncio.run(notify.tell_overdue(late()))
    assert [mail["Subject"] for mail in server.mails] == [
        "Taylor Times: the import is not over after 2 h"
    ]


@pytest.mark.usefixtures("stored", "configured")
@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_that_is_over_is_not_overdue(server: MailServer, state: str) -> None:
    asyncio.run(notify.tell_overdue(late(state)))
    assert server.mails == []
