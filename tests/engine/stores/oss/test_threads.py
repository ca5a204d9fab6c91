"""Can many threads share a store?"""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

from airflow_bucketsync.engine.model.condition import Condition
from airflow_bucketsync.engine.model.objects import ObjectAttributes
from airflow_bucketsync.engine.stores.oss.client import make_client
from airflow_bucketsync.engine.stores.oss.store import OSSStore
from tests.engine.stores.contract import listing, read
from tests.engine.stores.oss.conftest import MakeStore
from tests.servers.oss import OSSServer

THREADS = 30
ROUNDS = 4


def test_thirty_threads(server: OSSServer, bucket: str, make_store: MakeStore) -> None:
    """Each thread's bytes, headers and conditions stay its own, no request goes uncounted, connections are kept."""
    client = make_client(server.url, bucket, ("test-access", "test-secret"), server.region, pool=THREADS)
    store = make_store("p/", client=client)
    began = threading.Barrier(THREADS)

    def work(number: int) -> int:
        chosen = random.Random(number)
        began.wait()
        for turn in range(ROUNDS):
            key, body = f"{number:02d}/{turn} +ü", chosen.randbytes(chosen.randrange(120_000))
            own = ObjectAttributes(expires=key, user_metadata={"own": key}, tags={"own": f"{number}-{turn}"})
            put = store.put(key, body, attributes=own, destination=Condition.ABSENT)
            found = store.head(key)
            assert (found.info.etag, found.info.checksum, found.info.size) == (put.etag, put.checksum, len(body))
            assert (found.attributes.expires, found.attributes.user_metadata) == (key, {"own": key})
            assert read(store, key, source=Condition.matching(found.info)) == body
            upload = store.begin_upload(key + "-parts")
            pieces = [store.upload_part(key + "-parts", upload, part, body[part * 7 :] * 2) for part in (1,)]
            store.complete_upload(key + "-parts", upload, pieces, size=pieces[0].size)
            assert read(store, key + "-parts") == body[7:] * 2
            assert store.tags(key) == {"own": f"{number}-{turn}"}
            store.delete(key + "-parts")
        return ROUNDS

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(work, range(THREADS))) == THREADS * ROUNDS
    assert len(listing(store)) == THREADS * ROUNDS
    counted = store.requests
    assert counted["PutObject"] == counted["HeadObject"] == counted["UploadPart"] == THREADS * ROUNDS
    assert counted["GetObject"] == 2 * THREADS * ROUNDS
    assert sum(counted.values()) == len(server.log.entries)
    (made,) = _connections(store)
    assert made <= THREADS


def _connections(store: OSSStore) -> list[int]:
    """How many connections each pool of the client has made."""
    manager = store._session.client.session.session.get_adapter("http://x").poolmanager
    return [manager.pools[key].num_connections for key in manager.pools.keys()]  # noqa: SIM118 - it is no mapping
