"""What does the project look like at work? `make demo`: a sample bucket, a real Airflow, three runs."""
