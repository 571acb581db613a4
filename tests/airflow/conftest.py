"""Airflow keeps files in its home folder from the first import on: give it one of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "AIRFLOW_HOME" not in os.environ:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__CORE__UNIT_TEST_MODE", "False")
# What Airflow keeps of a DAG names our timetable, which it only finds among the plugins.
os.environ.setdefault(
    "AIRFLOW__CORE__PLUGINS_FOLDER", str(Path(__file__).resolve().parents[2] / "plugins")
)
