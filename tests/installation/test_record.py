"""One process runs an installation; the others find it, or what it left behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from profile_exchange.installation import record
from profile_exchange.installation.layout import Layout
from profile_exchange.installation.processes import StartedProcess

HOLD = """
import sys
from pathlib import Path
from profile_exchange.installation import record
from profile_exchange.installation.layout import Layout
with record.held(Layout(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""

SAMPLE = record.Record(
    launcher=4711,
    airflow_port=8080,
    ready=True,
    processes=(StartedProcess("scheduler", 4712, 1.5),),
)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_a_record_is_read_as_it_was_written(layout: Layout) -> None:
    record.write(layout, SAMPLE)
    assert record.read(layout) == SAMPLE


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"launcher": 1, "processes": [{}]}'])
def test_what_cannot_be_read_as_a_record_is_none(layout: Layout, text: str) -> None:
    layout.record.write_text(text)
    assert record.read(layout) is None


def test_an_installation_is_held_by_one_process_until_that_is_gone(layout: Layout) -> None:
    record.write(layout, SAMPLE)
    command = [sys.executable, "-c", HOLD, str(layout.state)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        assert record.is_held(layout)
        assert record.running(layout) == SAMPLE
        with (
            pytest.raises(record.AlreadyRunning, match=r"already running .process 4711"),
            record.held(layout),
        ):
            pass
        other.kill()
    assert not record.is_held(layout)
    with record.held(layout):
        assert record.is_held(layout)


def test_a_record_that_nobody_holds_is_not_a_running_installation(layout: Layout) -> None:
    record.write(layout, SAMPLE)
    with pytest.raises(record.NotRunning, match="exchange up"):
        record.running(layout)


def test_an_installation_that_is_still_starting_is_not_running_yet(layout: Layout) -> None:
    record.write(layout, record.Record(launcher=1, ready=False))
    with record.held(layout), pytest.raises(record.NotRunning):
        record.running(layout)
