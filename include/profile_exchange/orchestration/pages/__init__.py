"""The page **Profile exchange** in Airflow's UI: server-rendered, on Airflow's own API server.

Who may see and do what is Airflow's to say (`access`); what is done is done through Airflow's own
API, as the caller (`acting`).
"""
