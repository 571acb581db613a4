"""Reading the folders: one broken file hides no other, and one wanted file is all that is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from profile_exchange.config import registry
from profile_exchange.config.file_readings import FileReadings
from profile_exchange.config.settings import PROJECT_ROOT
from profile_exchange.config.yaml_source import YamlDocument, read_yaml
from profile_exchange.domain.errors import ConfigurationError
from tests.unit.configuring import EXPOSING, IMPORTING, TENANT, Folders


def test_the_sample_files_are_sound() -> None:
    include = PROJECT_ROOT / "include"
    found = registry.read_all(include / "connections", include / "tenants").check()
    assert sorted(found.connections) == ["harbor-goods", "taylor-times"]
    assert sorted(found.tenants) == ["harbor-goods", "taylor-times"]


def test_of_two_looks_the_second_reads_only_files_that_changed(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_into: list[str] = []

    def read(path: Path) -> YamlDocument:
        looked_into.append(path.name)
        return read_yaml(path)

    monkeypatch.setattr(registry, "read_yaml", read)
    readings = FileReadings()
    files = [folders.connection(IMPORTING), folders.connection("title: [", "broken.yaml")]
    for expected in (["broken.yaml", "harbor-goods.yaml", "taylor-times.yaml"], []):
        looked_into.clear()
        found = registry.read_all(folders.connections, folders.tenants, readings)
        assert sorted(looked_into) == expected
        assert list(found.connections) == ["taylor-times"]
        assert [Path(problem.file).name for problem in found.problems] == ["broken.yaml"]
        assert list(found.files.values()) == [str(files[1]), str(files[0])]
    files[1].write_text(EXPOSING.replace("harbor-goods", "nobody"))
    found = registry.read_all(folders.connections, folders.tenants, readings)
    assert looked_into == ["broken.yaml"]
    assert list(found.connections) == ["broken", "taylor-times"]
    files[1].unlink()
    found = registry.read_all(folders.connections, folders.tenants, readings)
    assert list(found.connections) == ["taylor-times"]
    assert found.problems == ()


def test_a_broken_file_hides_neither_the_others_nor_itself(folders: Folders) -> None:
    folders.connection(IMPORTING)
    folders.connection("title: [", "broken.yaml")
    folders.connection(EXPOSING.replace("title", "titel"), "misspelt.yaml")
    found = folders.read()
    assert list(found.connections) == ["taylor-times"]
    assert {Path(problem.file).name for problem in found.problems} == {
        "broken.yaml",
        "misspelt.yaml",
    }
    with pytest.raises(ConfigurationError) as raised:
        found.check()
    assert raised.value.problems == found.problems


def test_a_connection_is_still_there_when_only_its_tenant_is_wrong(folders: Folders) -> None:
    folders.connection(IMPORTING.replace("harbor-goods", "nobody"))
    found = folders.read()
    assert list(found.connections) == ["taylor-times"]
    assert [problem.key for problem in found.problems] == ["tenant"]


def test_a_tenant_that_cannot_be_read_is_told_once(folders: Folders) -> None:
    folders.tenant("name: [")
    folders.connection(IMPORTING)
    (told,) = folders.problems()
    assert told.startswith("harbor-goods.yaml:")


def test_problems_come_in_the_order_of_files_and_lines(folders: Folders) -> None:
    folders.connection("b: 1\na: 1\n", "z.yaml")
    folders.connection("b: 1\na: 1\n", "a.yaml")
    problems = folders.read().problems
    assert list(problems) == sorted(problems)


def test_two_files_of_one_id_are_told(folders: Folders) -> None:
    folders.connection(IMPORTING)
    folders.connection(EXPOSING, "taylor-times.yml")
    told = "taylor-times.yaml describes 'taylor-times' already; keep one of the two files."
    assert folders.problems() == [f"taylor-times.yml: {told}"]
    with pytest.raises(ConfigurationError, match="keep one of the two files"):
        registry.connection("taylor-times", folders.connections)


def test_either_suffix_serves_and_hidden_files_do_not_count(folders: Folders) -> None:
    folders.connection(IMPORTING, "one.yml")
    folders.connection("not: read", ".two.yaml")
    folders.connection("not read", "README.md")
    assert list(folders.read().check().connections) == ["one"]


@pytest.mark.parametrize("name", ["Taylor.yaml", "taylor times.yaml", "-.yaml", "x\n.yaml"])
def test_a_file_whose_name_is_no_id_is_told(folders: Folders, name: str) -> None:
    folders.connection(IMPORTING, name)
    (told,) = folders.problems()
    assert "the file's name becomes the id: use lower-case letters" in told
    assert "\n" not in told


def test_a_folder_that_cannot_be_read_is_told(folders: Folders, tmp_path: Path) -> None:
    found = registry.read_all(tmp_path / "nowhere", folders.tenants)
    assert [problem.message for problem in found.problems] == [
        "the folder cannot be read: no such file or directory."
    ]
    with pytest.raises(ConfigurationError, match="the folder cannot be read"):
        registry.connection("taylor-times", tmp_path / "nowhere")


def test_one_connection_is_read_without_looking_at_any_other_file(folders: Folders) -> None:
    folders.connection(IMPORTING)
    (folders.connections / "folder.yaml").mkdir()
    folders.connection("broken: [", "broken.yaml")
    folders.tenant("broken: [")
    assert registry.connection("taylor-times", folders.connections).title == "Taylor Times"


def test_one_tenant_is_read_alone(folders: Folders) -> None:
    folders.tenant("broken: [", "broken.yaml")
    assert registry.tenant("harbor-goods", folders.tenants).name == "Harbor Goods"


@pytest.mark.parametrize("wanted", ["taylor-time", "", "../taylor-times", "taylor-times\n", "\0"])
def test_an_id_that_is_not_configured_is_told_with_those_that_are(
    folders: Folders, wanted: str
) -> None:
    folders.connection(IMPORTING)
    with pytest.raises(ConfigurationError) as raised:
        registry.connection(wanted, folders.connections)
    told = str(raised.value)
    assert told.startswith("There is no connection ")
    assert told.endswith("Configured: taylor-times.")
    assert "\n" not in told


def test_the_nearest_id_is_suggested(folders: Folders) -> None:
    folders.connection(IMPORTING)
    with pytest.raises(ConfigurationError, match="Did you mean 'taylor-times'"):
        registry.connection("taylortimes", folders.connections)
    with pytest.raises(ConfigurationError, match="Did you mean 'harbor-goods'"):
        registry.tenant("harbour-goods", folders.tenants)


def test_the_folders_of_the_settings_are_read_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert registry.connection("taylor-times").tenant == "harbor-goods"
    assert registry.tenant("harbor-goods").name == "Harbor Goods"
    assert registry.read_all().problems == ()


def test_fifty_connections_are_read_in_a_fraction_of_a_second(folders: Folders) -> None:
    folders.tenant(TENANT)
    scheduled = IMPORTING + "schedule: {cron: 0 6 * * *, timezone: Europe/Amsterdam}\n"
    for number in range(50):
        folders.connection(scheduled, f"connection-{number}.yaml")
    folders.read()  # whatever is imported on first use
    started = time.perf_counter()
    found = folders.read().check()
    taken = time.perf_counter() - started
    assert len(found.connections) == 50
    assert taken < 0.4
