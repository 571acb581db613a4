"""Names come from files and from partners: what they hold is shown, whole, and is no markup."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from profile_exchange.cli import check, doctor
from profile_exchange.cli.fates_table import fates_table
from profile_exchange.cli.forecast_tables import tell_forecast
from profile_exchange.cli.phases import Phases
from profile_exchange.cli.properties_table import properties_table
from profile_exchange.config.settings import PROJECT_ROOT, settings
from profile_exchange.domain.fates import Fate, FateCounts, PropertyCounts
from profile_exchange.installation.checkup.finding import wrong
from tests.cli.terminals import COLUMNS, shown_in_a_pipe, shown_in_a_terminal, told_in
from tests.cli.test_commands import exchange
from tests.cli.test_configured_commands import COUNTS, FORECAST
from tests.cli.test_missing_mail_server import ANSWER

HOSTILE = "Taylor [/b] [nl] :city: [Times]"
LONG = "taylor-times-of-the-north-and-of-the-south-of-all-the-kingdoms"
ANSWERED = {
    **ANSWER,
    "segments": [{"id": "sports", "name": HOSTILE, "profiles": 7}],
    "properties": [{"id": "[age]", "name": HOSTILE, "type": "NUMBER"}],
    "new_segments": [HOSTILE],
    "missing": [HOSTILE],
    "mail": None,
}


def in_a_preview(console: Console) -> None:
    property_effects = next(iter(FORECAST.properties.values()))
    named = replace(FORECAST, segments={HOSTILE: COUNTS}, properties={HOSTILE: property_effects})
    tell_forecast(HOSTILE, named, console)


def by_the_doctor(console: Console) -> None:
    doctor._tell([wrong(HOSTILE, HOSTILE, f"1. {HOSTILE}")], console)


def in_a_phase(console: Console) -> None:
    phases = Phases(console)
    phases.begin(HOSTILE)
    phases.tell(HOSTILE, 0.5)
    phases.end()


@pytest.mark.parametrize(
    ("tell", "times"),
    [
        (in_a_preview, 3),
        (lambda console: console.print(fates_table(HOSTILE, COUNTS)), 1),
        (lambda console: console.print(properties_table([PropertyCounts(HOSTILE)])), 1),
        (lambda console: check._tell(HOSTILE, ANSWERED, console), 5),
        (by_the_doctor, 3),
        (in_a_phase, 2),
    ],
    ids=["preview", "fates", "properties", "check", "doctor", "phases"],
)
def test_a_name_is_no_markup(tell: Callable[[Console], None], times: int) -> None:
    assert told_in(200, tell).count("Taylor [/b] [nl] ") >= times


def test_fates_and_segments_are_whole_on_a_narrow_terminal() -> None:
    named = replace(FORECAST, segments={"[readers]": COUNTS})
    text = told_in(40, lambda console: tell_forecast("Taylor Times", named, console))
    assert "…" not in text
    for fate in Fate:
        assert text.count(fate.value) >= 1


def test_a_preview_of_millions_fits_eighty_columns_with_every_fate_of_a_segment() -> None:
    many = FateCounts(
        received=3_234_567, created=1_234_567, ambiguous=1_000_000, superseded=1_000_000
    )
    named = replace(FORECAST, segments={LONG: many})
    text = told_in(COLUMNS, lambda console: tell_forecast("Taylor Times", named, console))
    _, _, of_segments = text.partition("By segment")
    for word in (*Fate, "3,234,567", "1,234,567", "1,000,000"):
        assert word in of_segments
    assert max(map(len, text.splitlines())) <= COLUMNS


def test_one_thing_to_mend_is_one() -> None:
    assert told_in(80, by_the_doctor).endswith("\n1 thing to mend.\n")


@pytest.fixture
def connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the sample's connections, one with a name that is none for a console."""
    folder = tmp_path / "connections"
    shutil.copytree(PROJECT_ROOT / "include" / "connections", folder)
    sample = folder / "taylor-times.yaml"
    text = sample.read_text(encoding="utf-8")
    notifier = f"{{type: {LONG.replace('-', '_')}.{LONG.replace('-', '_')}.Notifier}}"
    told = f"notifications: {{notifiers: [{notifier}]}}\n"
    sample.with_stem(LONG).write_text(f"{told}{text}", encoding="utf-8")
    daily = "schedule: {cron: '@daily', timezone: Europe/Amsterdam}\n"
    sample.write_text(daily + text.replace("title: Taylor Times", f'title: "{HOSTILE}"', 1))
    exposing = folder / "harbor-goods.yaml"
    named = exposing.read_text(encoding="utf-8").replace("title: Harbor", "title: Hárbor", 1)
    exposing.write_text(named, encoding="utf-8")
    assert HOSTILE in sample.read_text(encoding="utf-8")
    monkeypatch.setenv("EXCHANGE_CONNECTIONS_DIR", str(folder))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize("command", [("connections", "list"), ("show", "taylor-times")])
def test_a_title_is_no_markup(command: tuple[str, ...]) -> None:
    assert any(HOSTILE in line for line in shown_in_a_pipe(*command))


@pytest.mark.usefixtures("connections")
@pytest.mark.parametrize(
    ("command", "whole"),
    [(("connections", "list"), LONG), (("show", LONG), "kingdoms.Notifier")],
    ids=["connections", "show"],
)
def test_nothing_is_cut_off(command: tuple[str, ...], whole: str) -> None:
    assert whole in "\n".join(shown_in_a_pipe(*command))
    lines = shown_in_a_terminal(*command)
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= COLUMNS


@pytest.mark.usefixtures("connections")
def test_the_list_says_in_which_zone_a_connection_runs() -> None:
    assert any("(Europe/Amsterdam)" in line for line in shown_in_a_pipe("connections", "list"))


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("show", "taylor-times"), " -> TaylorTimes_"),
        (("show", "harbor-goods"), "H\\xe1rbor Goods"),
        (("connections", "list"), "H\\xe1rbor Goods"),
    ],
    ids=["an arrow", "a title", "a list"],
)
def test_an_output_in_ascii_spells_out_what_it_has_no_letter_for(
    connections: Path, command: tuple[str, ...], told: str
) -> None:
    variables = {"PYTHONIOENCODING": "ascii", "EXCHANGE_CONNECTIONS_DIR": str(connections)}
    done = exchange(*command, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert told in done.stdout
