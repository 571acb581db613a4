"""One package, written by a process of its own, which a test ends in the middle of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from profile_exchange.domain.packages import IdRange
from profile_exchange.pipeline.remote.upsert import upsert
from profile_exchange.pipeline.runs import Run, find_run
from profile_exchange.tenants.rest.client import RestClient
from profile_exchange.tenants.rest.credentials import TenantCredentials
from profile_exchange.tenants.rest.target import RestTarget
from tests.pipeline.exchange import NOW, Exchange
from tests.tenants.over_http import HOST, PATIENCE
from tests.tenants.scripted_partner import KEY, SECRET

ROOT = Path(__file__).parents[2]


def start(exchange: Exchange, run: Run, package: IdRange, base_url: str) -> subprocess.Popen[str]:
    """A process that writes a package of a run."""
    told = {
        "store": exchange.store_url,
        "goal": exchange.goal,
        "run_id": run.run_id,
        "package": [package.part, package.parts],
        "base_url": base_url,
    }
    command = [sys.executable, "-m", "tests.remote.dying", json.dumps(told)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def write(told: dict[str, Any]) -> None:
    """What that process does."""
    exchange = Exchange(told["store"], told["goal"], [], {})
    run = find_run(told["store"], exchange.connection, told["run_id"])
    with RestClient(TenantCredentials(HOST, KEY, SECRET, told["base_url"]), PATIENCE) as client:
        upsert(run, IdRange(*told["package"]), NOW, RestTarget(client))


if __name__ == "__main__":
    write(json.loads(sys.argv[1]))
