"""What people may set: the section of airflow.cfg, the options of a sync, and the form of a run by hand."""
