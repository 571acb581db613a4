"""What the documents say is true: commands exist, examples are sound, links lead somewhere."""

from __future__ import annotations

import re
import textwrap
from functools import lru_cache
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from profile_exchange.cli.main import COMMANDS, app
from profile_exchange.config import registry
from profile_exchange.config.notifications_spec import NotificationsSpec
from profile_exchange.config.schedule_spec import KINDS, ScheduleSpec
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.config.spec import parse
from profile_exchange.config.yaml_source import read_yaml

DOCUMENTS = sorted(
    [PROJECT_ROOT / "README.md", PROJECT_ROOT / "CHANGELOG.md", *PROJECT_ROOT.glob("docs/**/*.md")]
)
GROUPS = {"connections", "credentials", "quarantine"}
README = (PROJECT_ROOT / "README.md").read_text()
COMMAND = re.compile(r"(?<![\w/.-])exchange ([a-z]+)((?: [a-z]+)?)((?: --?[a-z-]+)*)")
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
#: How an example begins that is no whole connection.
PIECES = ("# schedules:", "# import:", "# notifications:")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def commands_in(text: str) -> set[tuple[str, str, str]]:
    """``(command, subcommand, options)`` of every call of ``exchange`` in code."""
    code = " \n ".join([*re.findall(r"`([^`\n]+)`", text), *(b for _, b in BLOCK.findall(text))])
    return {(name, sub.strip(), options) for name, sub, options in COMMAND.findall(code)}


@lru_cache
def help_of(*words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--help"], env={"NO_COLOR": "1", "COLUMNS": "120"})


def test_the_schedules_in_the_readme_can_be_kept(tmp_path: Path) -> None:
    (body,) = (body for _, body in BLOCK.findall(README) if body.startswith("# schedules:"))
    kinds = [line.removeprefix("- ") for line in body.splitlines()[1:]]
    for kind in kinds:
        (tmp_path / "schedule.yaml").write_text(kind)
        assert parse(ScheduleSpec, read_yaml(tmp_path / "schedule.yaml")).to_domain().words
    assert all(any(kind in line for line in kinds) for kind in KINDS)


def test_the_notifications_in_the_readme_can_be_sent(tmp_path: Path) -> None:
    (body,) = (body for _, body in BLOCK.findall(README) if body.startswith("# notifications:"))
    (tmp_path / "notifications.yaml").write_text(body)
    spec = parse(NotificationsSpec, read_yaml(tmp_path / "notifications.yaml"))
    assert spec.model_fields_set == set(NotificationsSpec.model_fields)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_and_option_in_a_document_exists(document: Path) -> None:
    for name, sub, options in commands_in(document.read_text()):
        words = [name, sub] if name in GROUPS and sub else [name]
        shown = help_of(*words)
        assert shown.exit_code == 0, f"{document.name}: exchange {' '.join(words)}"
        for option in options.split():
            assert option in shown.stdout, f"{document.name}: exchange {name} {option}"


def test_the_readme_names_every_command() -> None:
    assert {name for name, _, _ in commands_in(README)} == set(COMMANDS)


def test_every_make_target_in_the_readme_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (PROJECT_ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set(re.findall(r"^make ([a-z]+)", README, re.MULTILINE))
    named |= set(re.findall(r"`make ([a-z]+)", README))
    assert {"run", "test", "check", "bench"} <= named <= set(targets)


def test_the_examples_are_connections_that_the_sample_tenants_can_have(tmp_path: Path) -> None:
    for kind, body in BLOCK.findall(README):
        if kind == "yaml" and not body.startswith(PIECES):
            found = re.match(r"# connection: ([a-z-]+)\n", body)
            assert found, "an example says which connection it is"
            (tmp_path / f"{found[1]}.yaml").write_text(body)
    configuration = registry.read_all(tmp_path, PROJECT_ROOT / "include" / "tenants").check()
    exposing, importing = (configuration.connections[n] for n in ("harbor-goods", "taylor-times"))
    assert exposing.expose
    assert importing.importing
    assert set(importing.importing.source_properties) <= set(exposing.expose.readable)


def test_what_the_readme_adds_to_an_import_can_be_added(tmp_path: Path) -> None:
    bodies = [body for kind, body in BLOCK.findall(README) if kind == "yaml"]
    (whole,) = (body for body in bodies if body.startswith("# connection: taylor-times"))
    pieces = [body for body in bodies if body.startswith("# import:")]
    assert pieces
    (tmp_path / "taylor-times.yaml").write_text(
        "".join([whole, *(textwrap.indent(piece, "  ") for piece in pieces)])
    )
    registry.read_all(tmp_path, PROJECT_ROOT / "include" / "tenants").check()


def test_the_tenant_of_blueconics_is_one(tmp_path: Path) -> None:
    text = (PROJECT_ROOT / "docs" / "PRODUCTION.md").read_text()
    (body,) = (b for kind, b in BLOCK.findall(text) if kind == "yaml" and b.startswith("# tenant:"))
    file = tmp_path / "harbor-goods.yaml"
    file.write_text(body)
    assert registry.read_tenant(file).is_remote


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_steps_in_the_readme_are_those_of_the_dag() -> None:
    from profile_exchange.domain.fates import Fate, Step

    shown = re.findall(r"^  ([a-z_]+) +\d+/\d+ success", README, re.MULTILINE)
    assert shown == [step.value for step in Step]
    assert set(re.findall(r"^│ ([a-z]+)", README, re.MULTILINE)) == {*Fate, "received"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_within_a_document_lead_to_a_heading(document: Path) -> None:
    text = document.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_picture_is_shown_and_taken_by_a_test() -> None:
    taken = "".join(path.read_text() for path in PROJECT_ROOT.glob("tests/end_to_end/test_*.py"))
    for picture in PROJECT_ROOT.glob("docs/images/*"):
        assert any(f"images/{picture.name})" in path.read_text() for path in DOCUMENTS)
        assert f'picture_of_the_readme(page, "{picture.stem}")' in taken
