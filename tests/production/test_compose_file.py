"""What the compose file promises, read from the file itself."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest

from profile_exchange.config.settings import Settings
from tests.production import compose

SERVICES: dict[str, dict[str, Any]] = compose.raw()["services"]
OURS = sorted(name for name in SERVICES if name not in {"postgres", "redis"})
REQUIRED = {
    "PROFILE_EXCHANGE_SECRETS": "/anywhere",
    "PROFILE_EXCHANGE_AIRFLOW_URL": "https://airflow.example.com",
}


def variables() -> dict[str, str]:
    """Every variable that Compose replaces in the file, and the mark behind its name."""
    found = compose.VARIABLE.finditer(compose.COMPOSE_FILE.read_text(encoding="utf-8"))
    return {match["name"]: match["mark"] for match in found if match["name"]}


def test_the_shape_is_the_whole_installation() -> None:
    assert set(SERVICES) == {
        *("postgres", "redis", "init", "api-server", "scheduler", "dag-processor", "triggerer"),
        *("worker", "exposure"),
    }


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "init"])
def test_every_service_that_stays_has_a_health_check_and_starts_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"].keys() == {
        *("test", "interval", "timeout", "retries", "start_period")
    }


def test_the_service_that_ends_is_waited_for_by_its_exit_code() -> None:
    assert SERVICES["init"]["restart"] == "no"
    for name in set(OURS) - {"init", "worker"}:
        waits = SERVICES[name]["depends_on"]
        assert waits["init"] == {"condition": "service_completed_successfully"}, name
    assert SERVICES["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["worker"]["depends_on"]["api-server"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_can_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service.get("user", "") not in {"root", "0"}


def test_the_image_is_nobodys_by_root() -> None:
    users = re.findall(r"^USER (\S+)", compose.DOCKERFILE.read_text(), re.MULTILINE)
    assert users == ["exchange"]
    assert all("user" in SERVICES[name] for name in ("postgres", "redis"))


def test_only_the_two_doors_are_published_and_only_here_unless_told() -> None:
    published = {
        name: compose.interpolated(service["ports"], {})
        for name, service in SERVICES.items()
        if "ports" in service
    }
    assert published == {
        "api-server": ["127.0.0.1:8080:8080"],
        "exposure": ["127.0.0.1:8200:8200"],
    }


def test_databases_are_on_networks_that_lead_nowhere() -> None:
    internal = {
        name for name, network in compose.raw()["networks"].items() if network.get("internal")
    }
    for name in ("postgres", "redis", "init"):
        assert set(SERVICES[name]["networks"]) <= internal, name


def test_the_partners_door_reaches_neither_airflow_nor_the_broker() -> None:
    near = set(SERVICES["exposure"]["networks"]) - {"database"}
    for name in set(SERVICES) - {"exposure"}:
        assert not near & set(SERVICES[name]["networks"]), name


def test_the_worker_has_none_of_airflows_own_secrets() -> None:
    assert SERVICES["worker"]["secrets"] == ["celery-broker", "celery-results"]


def test_a_service_has_exactly_the_secrets_that_it_reads() -> None:
    for name, service in SERVICES.items():
        read = set(re.findall(r"/run/secrets/([\w-]+)", str(service)))
        assert read == set(service.get("secrets", [])), name


def test_every_secret_is_a_file_outside_and_none_stands_in_the_file() -> None:
    folder = REQUIRED["PROFILE_EXCHANGE_SECRETS"]
    for name, secret in compose.raw()["secrets"].items():
        assert compose.interpolated(secret, REQUIRED) == {"file": f"{folder}/{name}"}
    secret = re.compile(r"(PASSWORD|SECRET|_KEY|TOKEN|BROKER_URL|CONN|BACKEND)(_CMD|_FILE)?$")
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                assert value.startswith(("awk ", "/run/secrets/", "sqlite:")), f"{name}: {variable}"


@pytest.mark.parametrize("missing", REQUIRED)
def test_nothing_starts_without(missing: str) -> None:
    known = {name: value for name, value in REQUIRED.items() if name != missing}
    with pytest.raises(compose.Missing, match=f"{missing}: set "):
        compose.services(known)
    assert compose.services(REQUIRED)


def test_what_is_required_and_what_is_not_is_as_the_page_says() -> None:
    rows = re.findall(r"^\| `(PROFILE_EXCHANGE_\w+)` \|.*\| (.+) \|$", compose.page(), re.MULTILINE)
    assert dict(rows).keys() == variables().keys()
    required = {name for name, mark in variables().items() if mark == ":?"}
    assert {name for name, unset in rows if unset == "nothing starts"} == required
    assert required == REQUIRED.keys()


def test_the_page_names_every_setting() -> None:
    documented = set(re.findall(r"^\| `EXCHANGE_(\w+)` \|", compose.page(), re.MULTILINE))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_the_file_sets_no_setting_that_does_not_exist() -> None:
    for name, service in SERVICES.items():
        for variable in service.get("environment", {}):
            setting = variable.removeprefix("EXCHANGE_").lower()
            assert setting in Settings.model_fields or setting == variable.lower(), name


def test_the_secrets_that_the_page_makes_are_those_that_the_file_mounts(tmp_path: Path) -> None:
    folder = compose.make_secrets(tmp_path / "secrets")
    made = {path.name for path in folder.iterdir() if path.is_file()}
    assert made == set(compose.raw()["secrets"])
    assert {path.name for path in (folder / "stores").iterdir()} == {
        "taylor-times-store",
        "harbor-goods-store",
    }
    assert {path.name for path in (folder / "exposure").iterdir()} == {
        "taylor-times-store-exposure",
        "harbor-goods-store-exposure",
    }


def test_the_partners_door_knows_no_user_but_its_own() -> None:
    mounted = [volume.partition(":")[0] for volume in SERVICES["exposure"]["volumes"]]
    assert not [volume for volume in SERVICES["exposure"]["volumes"] if "/stores:" in volume]
    assert mounted == ["./include/connections", "./include/tenants", "${PROFILE_EXCHANGE_SECRETS"]
    assert SERVICES["exposure"]["environment"]["EXCHANGE_SECRETS_DIR"] == "/run/exposure"
    assert "secrets" not in SERVICES["exposure"]


def test_only_their_owner_enters_the_secrets_and_none_is_weak(tmp_path: Path) -> None:
    folder = compose.make_secrets(tmp_path / "secrets")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    contents = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert len(set(contents)) == len(contents)
    assert min(len(content.strip()) for content in contents) >= 44


def test_the_page_speaks_of_services_that_there_are() -> None:
    options = r"(?:-\S+ (?:\S+=\S+ )?)*"
    page = re.sub(r"\s*\\\n\s*", " ", compose.page())
    named = re.findall(rf"docker-compose (?:exec|run|logs) {options}([\w-]+)", page)
    assert len(named) > 5
    assert set(named) <= SERVICES.keys()


def test_the_page_says_who_reaches_whom_as_the_networks_do() -> None:
    rows = re.findall(r"^\| (`[a-z`, -]+`) \| ([^|]+) \| [^|]+ \|$", compose.page(), re.MULTILINE)
    told = {
        name: set(re.findall(r"`([\w-]+)`", reaches))
        for names, reaches in rows
        for name in re.findall(r"`([\w-]+)`", names)
    }
    assert told.keys() == SERVICES.keys()
    for name, reaches in told.items():
        for other in reaches:
            assert set(SERVICES[name]["networks"]) & set(SERVICES[other]["networks"]), (name, other)
