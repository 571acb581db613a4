"""Running everything on one machine: PostgreSQL, the stores, the exposure API, Airflow."""
