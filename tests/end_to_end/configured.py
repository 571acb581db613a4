"""What the installation of these tests is configured with: the sample, and some connections more.

Whoever wants mails of the sample's connections gets them. Next to these there is one whose other
tenant plays what it is told to, and there are two whose runs wait for a person: each of two tests
needs one of its own, because what a person approves is written once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.installation.airflow_environment import Project

IMPORTING, EXPOSING = "taylor-times", "harbor-goods"
MAGPIE, CAREFUL, ASKING = "magpie", "careful", "asking"
AFTER_AN_IMPORT = "after_an_import"
EVERY = (IMPORTING, EXPOSING, MAGPIE, CAREFUL, ASKING, AFTER_AN_IMPORT)

#: What the other tenant of the connection magpie knows, and what must be found nowhere.
TOKEN, SECRET = "canary-token-", "canary-secret"
OPERATOR, SECOND = "operators@harbor-goods.example", "second@harbor-goods.example"
SENDER = "exchange@harbor-goods.example"

EVERY_RUN = f"notifications: {{emails: [{OPERATOR}], when: always}}\n"
WITH_A_NOTIFIER = f"""\
notifications:
  emails: [{OPERATOR}]
  when: always
  notifiers:
    - type: airflow.providers.smtp.notifications.smtp.SmtpNotifier
      kwargs:
        to: {SECOND}
        from_email: {SENDER}
        subject: "told: {{{{ exchange.subject }}}}"
        html_content: "{{{{ exchange.html }}}}"
"""
MAGPIES = f"""\
title: Magpie <b>& Sons</b>
tenant: harbor-goods
partner: {{name: Magpie, host: magpie.localhost}}
notifications: {{emails: [{OPERATOR}], when: always, overdue_after: 1 day}}
import:
  credentials: magpie
  links: [{{theirs: email, ours: email}}]
  unmatched: create
  mappings:
    - {{from: sports, to: Magpie_Sports}}
    - {{from: sports, to: orders, overwrite: true}}
  expectations:
    - type: expect_column_value_lengths_to_be_between
      kwargs: {{column: sports, max_value: 12}}
  limits: {{max_rejected_share: 100 %}}
"""
#: A DAG of somebody else's, who wants to know of new profiles.
SOMEBODY_ELSES = f"""
from airflow.sdk import DAG, Asset, task

with DAG("{AFTER_AN_IMPORT}", schedule=Asset("x-profile-exchange://harbor-goods/profiles")):
    task(task_id="look")(lambda: None)()
"""


def configured(folder: Path) -> Project:
    """A copy of the project's DAGs, plugins and configuration, to add to and to break."""
    for name in ("include/connections", "include/tenants", "dags", "plugins"):
        shutil.copytree(PROJECT_ROOT / name, folder / Path(name).name)
    (folder / "dags" / f"{AFTER_AN_IMPORT}.py").write_text(SOMEBODY_ELSES)
    project = Project(folder, connections=folder / "connections", tenants=folder / "tenants")
    sample = {name: _file(project, name).read_text() for name in (IMPORTING, EXPOSING)}
    added = {
        IMPORTING: EVERY_RUN + sample[IMPORTING],
        EXPOSING: WITH_A_NOTIFIER + sample[EXPOSING],
        MAGPIE: MAGPIES,
        CAREFUL: _that_asks(sample[IMPORTING], "Careful", "required"),
        ASKING: _that_asks(sample[IMPORTING], "Asking", "{when: required, timeout: 1h}"),
    }
    for name, text in added.items():
        _file(project, name).write_text(text)
    return project


def _file(project: Project, connection: str) -> Path:
    return project.connections / f"{connection}.yaml"


def _that_asks(text: str, title: str, approval: str) -> str:
    """A connection like the sample's, with properties of its own, whose runs wait for a person."""
    text = text.replace("title: Taylor Times", f"title: {title}")
    text = text.replace("to: Taylor", f"to: {title}")
    return text.replace("import:", f"import:\n  approval: {approval}")
