# Airflow with the package installed: what every service of docker-compose.yaml runs.
# The version of Airflow is the one in constraints.txt (tests/test_compose.py compares them).
ARG AIRFLOW_VERSION=3.3.2
FROM apache/airflow:${AIRFLOW_VERSION}
ARG AIRFLOW_VERSION
WORKDIR /opt/bucketsync
COPY --chown=airflow:root setup.cfg pyproject.toml README.md LICENSE ./
COPY --chown=airflow:root src src
# Naming Airflow again keeps its version; editable, so that a mounted ./src is what runs.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" --editable .
WORKDIR /opt/airflow
