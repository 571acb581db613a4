"""The ways of telling, and how each says what is wrong with it."""

from __future__ import annotations

import asyncio
import json
import smtplib
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.connection import Connection as StoredConnection

from profile_exchange.config import registry
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.domain.connection import Connection
from profile_exchange.domain.errors import ConfigurationError, ExchangeError, NotTold
from profile_exchange.domain.fates import Step
from profile_exchange.domain.notifications import ConfiguredNotifier, Notifications, Occasion
from profile_exchange.installation.ports import any_free_port
from profile_exchange.notices.outcome import Ending, Outcome
from profile_exchange.orchestration import dags, notify, telling
from profile_exchange.orchestration.mail_server import missing_server, send
from profile_exchange.orchestration.notifiers import use
from tests.airflow.mail_server import MailServer, text_of

if TYPE_CHECKING:
    from airflow.sdk import Context

OPERATOR = "data@harbor-goods.example"
TOLD = Notifications(emails=(OPERATOR,))
SAMPLE = registry.connection("taylor-times", PROJECT_ROOT / "include" / "connections")
NOW = datetime(2026, 5, 1, 6, tzinfo=UTC)
FAILED = Outcome(SAMPLE, "run-1", Ending.FAILED, NOW, NOW, failures=("gate: too many.",))


@pytest.fixture
def post() -> Iterator[MailServer]:
    with MailServer().running() as server:
        yield server


@pytest.fixture
def stored(post: MailServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The Airflow connection of the mail server, as the environment holds it; may be changed."""
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "exchange@example.com"}
    made = {"conn_type": "smtp", "host": "127.0.0.1", "port": post.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(made))
    return made


def mailed(lookup: Any = None) -> None:
    def write(sender: str) -> Any:
        from profile_exchange.notices.mail import mail

        return mail(FAILED, "", sender=sender, to=TOLD.emails)

    send(TOLD, write, lookup or StoredConnection.get)


@pytest.mark.usefixtures("stored")
def test_a_mail_goes_through_the_server_of_the_airflow_connection(post: MailServer) -> None:
    mailed()
    (message,) = post.mails
    assert post.recipients == [[OPERATOR]]
    assert message["From"] == "exchange@example.com"
    assert "gate: too many." in text_of(message)


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("answer", "kind"), [("451 not now", NotTold), ("554 spam of data@x", ConfigurationError)]
)
def test_a_server_that_refuses_is_asked_again_only_where_that_can_help(
    post: MailServer, answer: str, kind: type[ExchangeError]
) -> None:
    post.refusals, post.answer = 1, answer
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
    use(ConfiguredNotifier(path, kwargs), {"run_id": "run-1"}, {"subject": "It failed"})


def test_a_notifier_finds_what_happened_in_its_templates() -> None:
    used(POSTCARD, text="{{ exchange.subject }} ({{ run_id }})")
    assert Postcard.sent == ["It failed (run-1)"]


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
    store_url: str, stored: dict[str, Any], post: MailServer
) -> None:
    Postcard.sent.clear()
    ways = (ConfiguredNotifier("a.B"), ConfiguredNotifier(POSTCARD, {"text": "still told"}))
    notifications = Notifications(emails=(OPERATOR,), notifiers=ways)
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"a\.B cannot be imported"):
            telling.tell(FAILED, notifications, {}, store_url)
    assert (Postcard.sent, len(post.mails)) == (["still told"], 1)


def notifying(connection: Connection = SAMPLE, **told: Any) -> Any:
    from dataclasses import replace

    return dags.build(replace(connection, notifications=Notifications(emails=(OPERATOR,), **told)))


def test_only_a_connection_that_tells_somebody_has_the_task() -> None:
    plain, telling_one = dags.build(SAMPLE), notifying()
    assert set(telling_one.task_dict) - set(plain.task_dict) == {notify.NOTIFY}
    assert (plain.on_failure_callback, plain.deadline) == (None, None)


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
    told = f"notifications: {{emails: [{OPERATOR}], when: always}}\n"
    (tmp_path / "taylor-times.yaml").write_text(told + text)
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(tmp_path))
    nowhere = f"postgresql://nobody:hush-hush@127.0.0.1:{any_free_port()}/nowhere"
    monkeypatch.setenv("EXCHANGE_SECRET_HARBOR_GOODS_STORE", nowhere)
    settings.cache_clear()


@pytest.mark.usefixtures("stored", "configured")
def test_that_the_ledger_is_lost_is_told_all_the_same(post: MailServer) -> None:
    context = {"dag": SimpleNamespace(dag_id="taylor-times"), "run_id": "run-1"}
    notify.tell_failure(cast("Context", context))
    (message,) = post.mails
    assert message["Subject"] == "Taylor Times: the import failed"
    assert "The profile store at 127.0.0.1:" in text_of(message)
    assert "hush-hush" not in text_of(message)


@pytest.mark.usefixtures("stored", "configured")
@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_that_is_over_is_not_overdue(post: MailServer, state: str) -> None:
    dag_run = {"dag_id": "taylor-times", "dag_run_id": "run-1", "state": state, "start_date": None}
    asyncio.run(notify.tell_overdue({"dag_run": dag_run}))
    assert post.mails == []
