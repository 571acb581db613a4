"""Airflow imports this module in each of its processes, because it is on their path."""

from __future__ import annotations

from profile_exchange.orchestration.preload import preload

preload()
