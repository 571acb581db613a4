"""What Profile Exchange adds to Airflow itself."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from profile_exchange.orchestration import notes


class ProfileExchangePlugin(AirflowPlugin):
    """The listener that writes a finished run's counts into its note."""

    name = "profile_exchange"
    listeners = [notes]  # noqa: RUF012  (Airflow reads a plain class attribute)
