"""The benchmark runs to its end, on a sample too small to say anything about speed."""

from __future__ import annotations

import json
import subprocess
import sys

from profile_exchange.config.settings import PROJECT_ROOT


def test_the_benchmark_measures_both_and_an_unchanged_run_writes_nothing() -> None:
    command = [sys.executable, "bench/bench.py", "--profiles", "2000", "--rounds", "1", "--json"]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout[done.stdout.index("{") :])
    assert figures["fates"]["modified"] > 0
    assert not any(figures["unchanged"]["rows_written"].values())
    assert figures["unchanged"]["fates"]["modified"] == 0
