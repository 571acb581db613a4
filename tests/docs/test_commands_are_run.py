"""Every command that the README shows is one that a test runs, and here is which."""

from __future__ import annotations

import re

import pytest

from profile_exchange.cli.main import COMMANDS
from profile_exchange.config.settings import PROJECT_ROOT
from tests.docs.test_documentation import README

#: Each command, and a test file that runs it with what the pattern finds there.
RUN_BY = {
    "up": ("tests/installation/test_up.py", r'\[EXCHANGE, "up"'),
    "down": ("tests/cli/test_configured_commands.py", r'exchange\("down"'),
    "run": ("tests/end_to_end/conftest.py", r'commanded\(installation, "run"'),
    "preview": ("tests/end_to_end/conftest.py", r'commanded\(installation, "preview"'),
    "check": ("tests/end_to_end/test_commands.py", r'exchange\(installation, "check"'),
    "show": ("tests/cli/test_configured_commands.py", r'exchange\("show"'),
    "history": ("tests/cli/test_configured_commands.py", r'exchange\("history"'),
    "quarantine": ("tests/cli/test_quarantine_command.py", r'exchange\("quarantine"'),
    "connections": ("tests/cli/test_connections_command.py", r'exchange\("connections"'),
    "doctor": ("tests/installation/test_checkup.py", r'exchange\("doctor"'),
    "validate": ("tests/cli/test_configured_commands.py", r'exchange\("validate"'),
    "load": ("tests/tenants/test_loading_command.py", r'\["load"'),
    "credentials": ("tests/exposure/test_credentials.py", r"cli\.credentials import app"),
    "migrate": ("tests/production/test_migrate.py", r'\["migrate"'),
    "serve": ("tests/exposure/test_serving.py", r'\[EXCHANGE, "serve"'),
}


def test_a_test_is_named_for_every_command() -> None:
    assert RUN_BY.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", RUN_BY)
def test_the_test_that_is_named_runs_it(command: str) -> None:
    file, call = RUN_BY[command]
    assert re.search(call, (PROJECT_ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("target", ["run", "test", "check"])
def test_a_make_target_of_the_readme_runs_what_is_tested(target: str) -> None:
    """`make run` is `exchange up`; the other two are what continuous integration runs."""
    assert f"make {target}" in README
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition(f"\n{target}: ")[2].partition("\n\n")[0]
    ran = (PROJECT_ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "exchange up" in recipe if target == "run" else f"\nmake {target}\n" in ran
