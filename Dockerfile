# The image of every service that runs this project's code: Airflow's, and the exposure API.
ARG BASE_IMAGE=python:3.11-slim

FROM ${BASE_IMAGE} AS build
WORKDIR /opt/profile-exchange
RUN python3 -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PIP_NO_CACHE_DIR=1 UV_NO_CACHE=1
# Packages before the project: a changed DAG does not install them again. uv comes from the same
# lock, and installs the rest: pip does not see that celery[redis] is the celery pinned there.
COPY requirements.txt ./
RUN awk '/^[^ #]/ { wanted = /^uv==/ } wanted' requirements.txt > uv.txt \
    && pip install --require-hashes -r uv.txt \
    && rm uv.txt \
    && uv pip install --require-hashes -r requirements.txt
COPY pyproject.toml README.md ./
COPY include include
COPY dags dags
COPY plugins plugins
RUN uv pip install --no-deps --no-build-isolation --editable .
# Nobody writes into the running container, so nobody could compile there either.
RUN python -m compileall -q -j 0 /opt/venv/lib include dags plugins

FROM ${BASE_IMAGE}
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin exchange \
    # With no file at all, Airflow would write one; everything is set by environment variables.
    && mkdir -p /opt/airflow && touch /opt/airflow/airflow.cfg \
    # A new volume takes its owner from here.
    && mkdir -p /var/log/airflow && chown exchange:exchange /var/log/airflow
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/profile-exchange /opt/profile-exchange
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    AIRFLOW_HOME=/opt/airflow \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/profile-exchange
USER exchange
CMD ["exchange", "--help"]
