"""Which failures of a task are tried again, and when?"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from airflow.sdk import Context, RetryDecision, RetryPolicy

from airflow_bucketsync.engine.errors import BucketsyncError, Throttled, TransientError


class ErrorRetryPolicy(RetryPolicy):
    """Retries transient errors after a growing, jittered delay, and fails at once where a retry can't help.

    What is none of our errors keeps the task's own rules. No retry goes beyond the task's `retries`.

    :param base: seconds before the first retry; doubles with each
    :param throttled_base: the same when the store asked for fewer requests
    :param cap: seconds no delay is longer than
    """

    def __init__(self, *, base: float = 10.0, throttled_base: float = 60.0, cap: float = 600.0) -> None:
        self.base = base
        self.throttled_base = throttled_base
        self.cap = cap

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """What to do about this failure of this try."""
        if isinstance(exception, TransientError):
            return RetryDecision.retry(
                self._delay(exception, try_number), reason=_reason(exception, "a retry can help")
            )
        if isinstance(exception, BucketsyncError):
            return RetryDecision.fail(reason=_reason(exception, "a retry can't help"))
        return RetryDecision.default()

    def _delay(self, error: TransientError, try_number: int) -> timedelta:
        base = self.throttled_base if isinstance(error, Throttled) else self.base
        seconds = min(self.cap, base * 2 ** (try_number - 1))
        if error.retry_after is not None:
            seconds = max(seconds, min(error.retry_after, self.cap))
        return timedelta(seconds=seconds * random.uniform(1.0, 1.25))  # noqa: S311 - jitter is no secret

    def serialize(self) -> dict[str, Any]:
        """As JSON."""
        return {"base": self.base, "throttled_base": self.throttled_base, "cap": self.cap}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ErrorRetryPolicy:
        """Back from JSON."""
        return cls(**data)


def _reason(error: BucketsyncError, verdict: str) -> str:
    return f"{type(error).__name__}: {verdict}"


RETRY_POLICY = ErrorRetryPolicy()
