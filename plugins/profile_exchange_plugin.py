"""What Profile Exchange adds to Airflow itself."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from profile_exchange.orchestration import marking, notes
from profile_exchange.orchestration.pages import registration
from profile_exchange.orchestration.timetable import ScheduleTimetable


class ProfileExchangePlugin(AirflowPlugin):
    """What listens to how runs end, the timetable of connections, and the operators' pages."""

    # Airflow reads plain class attributes.
    name = "profile_exchange"
    listeners = [marking, notes]  # noqa: RUF012
    timetables = [ScheduleTimetable]  # noqa: RUF012
    fastapi_apps = registration.fastapi_apps()
    external_views = registration.external_views()
