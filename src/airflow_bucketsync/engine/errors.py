"""What can go wrong, and whether a retry can help.

BucketsyncError
 +- TransientError      a retry can help
 |   +- Throttled         the store asks for fewer requests
 |   +- ConnectionLost    no answer, or half of one: it is unknown whether the request was applied
 |   |   +- Unreachable       no connection was made at all
 |   +- ServerError       the store failed (5xx, or 200 with an error inside)
 |   +- ListingUntrusted  a listing page without its proof, out of order, or looping
 |   +- BodyCorrupted     the bytes that went by do not have the checksum they must have
 |   +- Locked            another run holds the lock of the pair
 +- FinalError          a retry can't help
 |   +- ObjectNotFound    the object (or bucket, or upload) is not there
 |   +- ObjectChanged     the object is not the version that was asked for
 |   +- AccessDenied      the credentials may not do this
 |   +- NotSupported      the store can't do this, or can't hold this key
 |   +- StoreFull         no space, quota or inode is left, or the place is read-only: nothing more can be written
 |   +- ObjectArchived    the body is in an archive class and must be restored first
 |   +- InvalidLocation   a URL that names no place we can use
 |   +- InvalidConfiguration
 |   |   +- InvalidList       a list of objects that breaks its rules
 |   +- PrecheckFailed      what a run needs is not there; nothing was written
 |   +- CheckpointMismatch  a state document that does not fit
 |   +- PlanMismatch      a page is not the one the plan was made with
 |   +- PlanDrifted       too much changed since a plan was reviewed
 |   +- LockLost          the lock of the pair is no longer this run's
 +- SyncIncomplete      the run ended, its state is saved, something is missing

A failing object is data (`Outcome`); an exception means that a task can't go on.
"""

from __future__ import annotations


class BucketsyncError(Exception):
    """Base of every error this package raises.

    :param message: what happened, where, and what to do; never a credential
    :param location: the store, as `Location.url`
    :param key: the object's key relative to the location
    :param code: the store's own word for it (`SlowDown`, `NoSuchKey`), for logs and reports
    :param retry_after: seconds the store asked us to wait
    """

    transient = False
    reason = "error"
    """A short stable word for reports, one per class."""

    def __init__(
        self,
        message: str,
        *,
        location: str | None = None,
        key: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message
        self.location = location
        self.key = key
        self.code = code
        self.retry_after = retry_after
        super().__init__(str(self))

    def __str__(self) -> str:
        """The message with its place; both are escaped, so that a name can't forge a log line."""
        place = ""
        if self.location is not None:
            location = repr(self.location)[1:-1]
            place = f" [{location}" + (f" key {self.key!r}" if self.key is not None else "") + "]"
        elif self.key is not None:
            place = f" [key {self.key!r}]"
        return self.message + (f" ({self.code})" if self.code else "") + place


class TransientError(BucketsyncError):
    """A retry can help."""

    transient = True
    reason = "transient"


class Throttled(TransientError):
    """The store asks for fewer requests."""

    reason = "throttled"


class ConnectionLost(TransientError):
    """No answer, or half of one; the request may have been applied."""

    reason = "connection_lost"


class Unreachable(ConnectionLost):
    """No connection to the endpoint was made: its name is unknown, nothing listens there, or nobody answers."""

    reason = "unreachable"


class ServerError(TransientError):
    """The store failed, or said 200 with an error inside."""

    reason = "server_error"


class ListingUntrusted(TransientError):
    """A listing page that lacks its proof, is out of order, or repeats itself."""

    reason = "listing_untrusted"


class BodyCorrupted(TransientError):
    """The bytes that went by are not the object's bytes (length or checksum)."""

    reason = "body_corrupted"
    written: str | None = None
    """ETag of what stands at the destination now, where wrong bytes of ours were stored: the next try replaces it."""


class Locked(TransientError):
    """Another run holds the lock of the pair: it ends, or its lease does."""

    reason = "locked"


class FinalError(BucketsyncError):
    """A retry can't help."""

    reason = "final"


class ObjectNotFound(FinalError):
    """The object, bucket or upload is not there."""

    reason = "not_found"


class ObjectChanged(FinalError):
    """The object is not the version that was asked for (a condition failed)."""

    reason = "object_changed"


class AccessDenied(FinalError):
    """The credentials may not do this."""

    reason = "access_denied"


class NotSupported(FinalError):
    """The store can't do this, or can't hold this key."""

    reason = "not_supported"


class StoreFull(FinalError):
    """Nothing more can be written there: no space, quota or inode is left, or it is read-only."""

    reason = "store_full"


class ObjectArchived(FinalError):
    """The body is in an archive class and must be restored first."""

    reason = "archived"


class InvalidLocation(FinalError):
    """A URL that names no place we can use."""

    reason = "invalid_location"


class InvalidConfiguration(FinalError):
    """An option that can't be used as given."""

    reason = "invalid_configuration"


class InvalidList(InvalidConfiguration):
    """A list of objects to sync breaks its rules; nothing was copied."""

    reason = "invalid_list"


class PrecheckFailed(FinalError):
    """What a run needs is not there, line by line; nothing was written."""

    reason = "precheck_failed"


class CheckpointMismatch(FinalError):
    """A state document of another pair, version or shape."""

    reason = "checkpoint_mismatch"


class PlanMismatch(FinalError):
    """A page of a run is missing, damaged, or not the one its plan names."""

    reason = "plan_mismatch"


class PlanDrifted(FinalError):
    """Too much changed since the plan was reviewed that is to be applied; nothing was written."""

    reason = "plan_drifted"


class LockLost(FinalError):
    """The lock of the pair was taken over or deleted while this run was at work; it may not write any more."""

    reason = "lock_lost"


class SyncIncomplete(BucketsyncError):
    """The run ended and its state is saved, but something is missing (a red run)."""

    reason = "incomplete"
