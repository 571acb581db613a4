"""Airflow: a DAG for each connection, made of thin tasks around the steps of the pipeline."""
