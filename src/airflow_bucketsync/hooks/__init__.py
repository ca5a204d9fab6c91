"""From a location and an Airflow connection to a store; the only floor that knows both."""
