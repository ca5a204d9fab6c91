"""What does Airflow know of the connection type of OSS?"""

from __future__ import annotations

from airflow.sdk import BaseHook

from airflow_bucketsync.engine.errors import BucketsyncError
from airflow_bucketsync.hooks.oss_connection import oss_connection
from airflow_bucketsync.hooks.secrets import mask
from airflow_bucketsync.provider_info import OSS_TYPE


class OssHook(BaseHook):
    """The connection type `bucketsync_oss`, for its form and its test; `open_store` makes stores of it.

    The form's fields stand in `provider_info.py`, where Airflow reads them without importing anything.
    """

    conn_name_attr = "oss_conn_id"
    default_conn_name = "oss_default"
    conn_type = OSS_TYPE
    hook_name = "Alibaba Cloud OSS (Bucketsync)"

    def __init__(self, oss_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.oss_conn_id = oss_conn_id

    def test_connection(self) -> tuple[bool, str]:
        """Whether the connection is complete and its credentials are given; sends nothing to OSS itself."""
        from airflow_bucketsync.hooks.oss_credentials import credentials_of

        connection = self.get_connection(self.oss_conn_id)
        mask(connection)
        try:
            access = oss_connection(connection, None)
            provider = credentials_of(access, None)
            if provider is not None:
                provider.get_credentials()
        except BucketsyncError as error:
            return False, str(error)
        return True, f"complete; requests go to {access.endpoint}, signed for {access.region} by {access.credential}"
