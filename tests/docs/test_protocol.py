"""The examples of docs/PROTOCOL.md, run as they stand there against the real service over HTTPS."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.domain.scopes import Scope
from profile_exchange.tenants.postgres.credentials import issue
from tests.exposure.conftest import HOST, Installation, exposing_store, installation  # noqa: F401
from tests.exposure.test_serving import PATIENCE, Service, pair, service  # noqa: F401

PAGE = (PROJECT_ROOT / "docs" / "PROTOCOL.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```bash\n(.*?)```(?:\s*```json\n(.*?)```)?", re.DOTALL)
END = "--- end of example ---"

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")


def examples() -> list[tuple[str, Any]]:
    """Every command of the page, with the answer that it shows, None if it shows none."""
    return [(command, json.loads(shown or "null")) for command, shown in EXAMPLE.findall(PAGE)]


@pytest.fixture
def answers(
    installation: Installation,  # noqa: F811
    service: Service,  # noqa: F811
    pair: tuple[Path, Path],  # noqa: F811
    tmp_path: Path,
) -> list[str]:
    """What the commands print. The only thing that the page does not say is where the test's
    service listens, and who vouches for it: curl reads that from a file of its own."""
    for number in range(3):
        section = [["Sports"], ["Sports"], ["Cooking"]][number]
        installation.add(section=section, email=[f"reader-{number}@example.org"])
    certificate, key = pair
    address, _ = service("--certificate", str(certificate), "--key", str(key))
    port = address.rpartition(":")[2]
    (tmp_path / ".curlrc").write_text(
        f'cacert = "{certificate}"\nconnect-to = "{HOST}:443:127.0.0.1:{port}"\n'
    )
    accepted = {"HarborGoods_Orders": ["SET", "SUM"]}
    goal = {"identifiers": ["email"], "unmatched": "create", "read_back": True}
    installation.connect(accept={**goal, "properties": accepted})
    installation.open_to_writing()
    scopes = [Scope.READ, Scope.WRITE]
    issued = issue(installation.store, "harbor-goods", now=datetime.now(UTC), scopes=scopes)
    script = f"\necho '{END}'\n".join(command for command, _ in examples())
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],  # noqa: S607 (wherever it is)
        env={
            "PATH": os.environ["PATH"],
            "CURL_HOME": str(tmp_path),
            "KEY": issued.key,
            "SECRET": issued.secret,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(f"{END}\n")


def form(shown: Any) -> Any:
    """An answer's names and kinds, without its values; a list has the form of its first entry."""
    if isinstance(shown, dict):
        return {name: form(value) for name, value in shown.items()}
    if isinstance(shown, list):
        return [form(entry) for entry in shown[:1]]
    return type(shown).__name__


def test_every_example_runs_and_answers_as_the_page_shows(answers: list[str]) -> None:
    shown = examples()
    assert len(answers) == len(shown) > 10
    for (command, expected), answer in zip(shown, answers, strict=True):
        if expected is not None:
            assert form(json.loads(answer)) == form(expected), command


def test_reading_page_by_page_finds_everybody(answers: list[str]) -> None:
    told = zip(examples(), answers, strict=True)
    [paged] = [answer for (command, _), answer in told if "while" in command]
    assert len(set(paged.split())) == 3
