"""``docker-compose.yaml`` as Docker Compose reads it, and the parts of the pages about it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yaml"
DOCKERFILE = ROOT / "Dockerfile"
PRODUCTION_PAGE = ROOT / "docs" / "PRODUCTION.md"

VARIABLE = re.compile(r"\$\$|\$\{(?P<name>\w+)(?P<mark>:[-?])?(?P<rest>[^}]*)\}")


class Missing(Exception):
    """A variable that Compose refuses to start without is not set."""


@dataclass(frozen=True)
class Service:
    """One service: what it runs, with which environment, and how it is asked for its health."""

    name: str
    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    health: Sequence[str] = ()
    waits_for: Mapping[str, str] = field(default_factory=dict)


def interpolated(value: Any, variables: Mapping[str, str]) -> Any:
    """A value with every ``${VARIABLE}`` in it replaced as Compose does. Raises `Missing`."""
    if isinstance(value, dict):
        return {key: interpolated(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, variables) for inner in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _replaced(found, variables), value)
    return value


def _replaced(found: re.Match[str], variables: Mapping[str, str]) -> str:
    if found[0] == "$$":
        return "$"
    if set_value := variables.get(found["name"]):
        return set_value
    if found["mark"] == ":?":
        raise Missing(f"{found['name']}: {found['rest']}")
    return found["rest"] if found["mark"] else ""


@cache
def raw() -> dict[str, Any]:
    """The file as YAML."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return found


def services(variables: Mapping[str, str]) -> dict[str, Service]:
    """Every service by name, with variables replaced."""
    return {
        name: _service(name, interpolated(description, variables))
        for name, description in raw()["services"].items()
    }


def _service(name: str, description: Mapping[str, Any]) -> Service:
    waits_for = description.get("depends_on", {})
    return Service(
        name,
        description.get("command", ()),
        description.get("environment", {}),
        _health_command(description["healthcheck"]),
        {other: told["condition"] for other, told in waits_for.items()},
    )


def _health_command(healthcheck: Mapping[str, Any]) -> Sequence[str]:
    if healthcheck.get("disable"):
        return ()
    kind, *command = healthcheck["test"]
    return ["sh", "-c", *command] if kind == "CMD-SHELL" else command


def image_environment() -> dict[str, str]:
    """What the image's own ``ENV`` sets for every service of the project."""
    last_stage = DOCKERFILE.read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    block = re.search(r"^ENV ((?:.*\\\n)*.*)$", last_stage, re.MULTILINE)
    assert block is not None
    return dict(re.findall(r"(\w+)=(\S+)", block[1]))


def make_secrets(folder: Path) -> Path:
    """Run the production page's commands that make the secrets, in another folder."""
    found = re.search(r"```bash\nexport PROFILE_EXCHANGE_SECRETS=\S+\n(.*?)```", page(), re.DOTALL)
    assert found is not None
    subprocess.run(
        ["bash", "-euo", "pipefail", "-c", found[1]],  # noqa: S607 (wherever it is)
        check=True,
        env={"PATH": os.environ["PATH"], "PROFILE_EXCHANGE_SECRETS": str(folder)},
    )
    return folder


def documented(start: str) -> list[str]:
    """The arguments that the production page gives to the command that starts like this."""
    blocks = re.findall(r"```bash\n(.*?)```", page(), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    found = [line for line in lines if line.startswith(start)]
    assert len(found) == 1, f"{start} is there {len(found)} times"
    return shlex.split(found[0].removeprefix(start))


def page() -> str:
    """The production page."""
    return PRODUCTION_PAGE.read_text(encoding="utf-8")
