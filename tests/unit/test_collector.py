"""What the garbage collector is told by a process that imports a lot."""

from __future__ import annotations

import subprocess
import sys

import pytest

from profile_exchange.collector import THRESHOLDS

CYCLE = """
class Noticed:
    def __del__(self):
        print("collected")

one = Noticed()
one.itself = one
"""


def said_by(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_it_looks_less_often() -> None:
    code = (
        "import gc\nfrom profile_exchange.collector import expect_objects_to_stay\n"
        "expect_objects_to_stay()\nprint(gc.get_threshold())"
    )
    assert said_by(code) == str(THRESHOLDS)


@pytest.mark.parametrize("times", [1, 2])
def test_it_leaves_alone_what_is_there_when_the_process_ends(times: int) -> None:
    told = "from profile_exchange.collector import expect_objects_to_stay\n"
    told += "expect_objects_to_stay()\n" * times
    assert said_by(CYCLE) == "collected"
    assert said_by(told + CYCLE) == ""


def test_what_a_process_writes_at_its_end_is_still_written() -> None:
    told = "from profile_exchange.collector import expect_objects_to_stay\n"
    first = "import atexit\natexit.register(print, 'registered before')\n"
    assert said_by(first + told + "expect_objects_to_stay()\n" + CYCLE) == "registered before"
