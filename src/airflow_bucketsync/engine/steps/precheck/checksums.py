"""Does the destination refuse bytes that have another checksum than was sent with them?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from airflow_bucketsync.engine.errors import BodyCorrupted, FinalError
from airflow_bucketsync.engine.model.objects import ChecksumAlgorithm
from airflow_bucketsync.engine.model.precheck import Check
from airflow_bucketsync.engine.steps.precheck.asking import PROBE, Asking, done, not_asked, refused, warned
from airflow_bucketsync.engine.stores.base import ObjectStore
from airflow_bucketsync.engine.stores.checksums import checksum_of

NAME = "destination checksums"
TAKEN = "it took bytes that came with the checksum of others, without a word: it may not check what arrives"


def ask(asking: Asking) -> Iterator[Check]:
    """Send a wrong checksum."""
    if not asking.writable:
        yield not_asked(NAME, asking.unasked)
        return
    can = asking.run.destination.capabilities
    algorithms: list[ChecksumAlgorithm] = [*can.checksums[:1], *(() if "md5" in can.checksums[:1] else ("md5",))]
    try:
        answers = [_refused(asking, algorithm) for algorithm in algorithms]
    except FinalError as error:
        yield not_asked(NAME, error.message)
        return
    if False not in answers:
        compared = all(answer is None for answer in answers)
        yield done(NAME, "compared before anything is sent" if compared else "wrong ones are refused")
        return
    if asking.policy.verify == "none":
        remedy = "set `verify: content`, so that what is sent is read back"
    elif asking.copies:
        remedy = "what is sent is read back; here the store copies by itself, so that hardly anything is"
    else:
        # One that keeps no checksum is told by each of its answers: what is sent is read back one by one.
        asking.reads_back = not can.checksums or _keeps_checksums(asking)
        remedy = "all that is sent is read back to verify it; if there is a store profile that says so, choose it"
    yield warned(NAME, TAKEN, remedy)


def _refused(asking: Asking, algorithm: ChecksumAlgorithm) -> bool | None:
    """Whether a wrong checksum is refused; None = before anything was sent."""
    wrong, before = checksum_of(algorithm, b"other bytes"), Counter(asking.state.requests)

    def call(bare: ObjectStore) -> None:
        bare.put(PROBE, asking.body, checksum=wrong)

    answer = refused(asking.state, BodyCorrupted, call)
    return None if Counter(asking.state.requests) == before else answer


def _keeps_checksums(asking: Asking) -> bool:
    try:
        return asking.state.head(PROBE).info.checksum is not None
    except FinalError:
        return True
