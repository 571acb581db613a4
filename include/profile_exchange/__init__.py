"""Profile Exchange: two customer data platform tenants share profile data.

The folders are the exchange, and dependencies point one way:

``domain`` (nouns and rules) <- ``config``, ``store`` <- ``pipeline`` (one module per DAG step)
<- ``tenants`` (REST client, Postgres store) <- ``sample``, ``installation``
<- ``orchestration`` (Airflow), ``exposure`` (FastAPI), ``operator_page``, ``cli``.
"""

__version__ = "0.1.0"
