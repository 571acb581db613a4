"""The locks pin what ``pyproject.toml`` asks for: everything, with hashes, for every Python."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import requires

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.project import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: What installing the project takes, building it included.
DIRECT = [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["build"]]]
EXTRA = [Requirement(line) for lines in EXTRAS.values() for line in lines]
BUILD = [Requirement(line) for line in PROJECT["optional-dependencies"]["build"]]
LOCKS = {"requirements.txt": [*DIRECT, *BUILD], "requirements-dev.txt": [*DIRECT, *EXTRA]}
PYTHONS = ["3.11.0", "3.11.13", "3.12.0", "3.13.0", "3.13.9"]
PLATFORMS = [
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
]
ENVIRONMENTS = [
    {
        **default_environment(),
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python,
        "implementation_version": python,
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "extra": "",
    }
    for python in PYTHONS
    for platform, system, machine in PLATFORMS
]
HERE = {**default_environment(), "extra": ""}

Environment = dict[str, str]


def entries(lock: str) -> list[str]:
    """The requirements of a lock, each on one line with its hashes."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(kept).replace("\\\n", " ").splitlines()


def pins(lock: str) -> dict[str, list[Requirement]]:
    """Every pin of a lock, by the package's name; a package can have one for each Python."""
    found: dict[str, list[Requirement]] = defaultdict(list)
    for entry in entries(lock):
        requirement = Requirement(entry.partition(" --hash")[0])
        found[canonicalize_name(requirement.name)].append(requirement)
    return found


def applies(requirement: Requirement, environment: Environment) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(environment)


def pinned_version(
    locked: dict[str, list[Requirement]], name: str, environment: Environment
) -> str | None:
    """The one version of a package that is installed in an environment."""
    fitting = [pin for pin in locked.get(canonicalize_name(name), ()) if applies(pin, environment)]
    assert len(fitting) <= 1, f"{name} is pinned twice for {environment['python_full_version']}"
    return next((str(pin.specifier).removeprefix("==") for pin in fitting), None)


def asked_for(wanted: Iterable[Requirement], environment: Environment) -> Iterator[Requirement]:
    """These requirements and, as far as it is installed, everything that they require."""
    waiting, seen = list(wanted), set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen or not applies(requirement, environment):
            continue
        seen.add(str(requirement))
        yield requirement
        for extra in ("", *requirement.extras):
            for line in requires(requirement.name) or ():
                further = Requirement(line)
                if applies(further, {**environment, "extra": extra}):
                    further.marker = None
                    waiting.append(further)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_one_version_with_hashes(lock: str) -> None:
    for entry in entries(lock):
        assert re.fullmatch(
            r"[a-z0-9._-]+==[^\s;]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*", entry
        ), entry[:80]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]


@pytest.mark.parametrize("lock", LOCKS)
def test_what_the_project_asks_for_is_pinned_for_every_python_and_platform(lock: str) -> None:
    locked = pins(lock)
    for requirement in LOCKS[lock]:
        for environment in filter(lambda e: applies(requirement, e), ENVIRONMENTS):
            version = pinned_version(locked, requirement.name, environment)
            assert version is not None, f"{requirement.name} is not in {lock}"
            assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_a_package_with_several_pins_has_one_for_every_python(lock: str) -> None:
    locked = pins(lock)
    for name in (name for name, found in locked.items() if len(found) > 1):
        for environment in ENVIRONMENTS:
            assert pinned_version(locked, name, environment) is not None, name


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_that_is_asked_for_on_the_way_is_pinned_and_fits(lock: str) -> None:
    locked = pins(lock)
    for requirement in asked_for(LOCKS[lock], HERE):
        version = pinned_version(locked, requirement.name, HERE)
        assert version is not None, f"{requirement} is not in {lock}"
        assert requirement.specifier.contains(version, prereleases=True), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_nothing_is_pinned_that_nobody_asks_for(lock: str) -> None:
    asked = {canonicalize_name(requirement.name) for requirement in asked_for(LOCKS[lock], HERE)}
    locked = {name for name, found in pins(lock).items() if any(applies(p, HERE) for p in found)}
    assert locked - asked == set()


def test_both_locks_agree() -> None:
    runtime, development = pins("requirements.txt"), pins("requirements-dev.txt")
    for name, found in runtime.items():
        assert {str(pin) for pin in found} == {str(pin) for pin in development[name]}


def test_the_pythons_of_the_project_are_the_ones_looked_at() -> None:
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
