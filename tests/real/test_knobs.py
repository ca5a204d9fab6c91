"""Do the real servers do what their stores trust them with, and what the documents say?"""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_bucketsync.engine.errors import ListingUntrusted
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.stores.s3.client import client_config
from airflow_bucketsync.engine.stores.s3.store import S3Store
from tests.real.capable import TRUST
from tests.real.deviations import DEVIATIONS, KEYS
from tests.real.knobs import PROBES
from tests.real.programs import PROGRAMS

PAGE = Path(__file__).parents[2] / "docs" / "real-servers.md"
SERVERS = tuple(program.name for program in PROGRAMS)


def words(answer: str) -> set[str]:
    """A list as a probe answers it."""
    return {word.strip() for word in answer.split(",")} - {"none"}


@pytest.mark.parametrize("server", TRUST)
def test_stores_trust_a_server_with_what_it_does(server, measured):
    found, trusted, profile = measured(server), TRUST[server].capabilities, TRUST[server].profile
    assert {str(profile.list_version)} <= words(found["listing: versions"])
    assert profile.url_encode == (found["listing: keys url-encoded when asked"] == "yes")
    assert {"sdk": "CRC32", "md5": "MD5"}[profile.bulk_delete] in words(found["bulk delete: accepted with"])
    assert set(trusted.checksums) == words(found["checksums: a wrong one is refused"])
    assert set(trusted.checksums) == words(found["checksums: HEAD returns them"])
    assert words(found["checksums: of a whole from parts"]) == {"crc64nvme", "crc32c", "crc32"}
    assert trusted.part_copy == (found["copy: checksum of a copied part"] == "right")
    conditions = words(found["conditional writes"])
    for verb, able in (("put", trusted.conditional_put), ("complete", trusted.conditional_put)):
        assert (able == "full") == ({f"{verb} If-Match", f"{verb} If-None-Match"} <= conditions)
    assert trusted.conditional_copy == ({"copy If-Match", "copy If-None-Match"} <= conditions)
    assert trusted.conditional_delete == (words(found["conditional deletes"]) == {"one", "bulk"})
    assert (trusted.etag_meaning == "md5") == (found["ETag of a whole object"] == "MD5")
    assert trusted.tags == (words(found["tags"]) == {"put", "copy", "parts"})
    assert (trusted.tag_characters == "any") == found["tags: characters besides letters and digits"].endswith("yes")
    assert trusted.counts_tags == (found["tags: counted in HEAD"] == "yes")
    assert trusted.redirect == ("WebsiteRedirectLocation" not in found["content headers kept"])
    assert trusted.copies_redirect == ("WebsiteRedirectLocation" not in found["copy: brings along"])
    assert set(trusted.storage_classes) <= words(found["storage classes"])
    assert ("AES256" in trusted.encryptions) == (found["encryption AES256"] == "yes")
    assert trusted.max_user_metadata <= int(found["user metadata: largest"].partition(" ")[0])
    assert found["conditional reads"] == found["parts: unequal sizes"] == found["parts: numbers may have gaps"] == "yes"
    assert words(found["copy: pinned to its source"]) == {"whole", "part"}


@pytest.mark.parametrize("server", TRUST)
def test_what_a_profile_says_is_not_said_again(server):
    said = TRUST[server].profile.capabilities
    for name, value in TRUST[server].amended.items():
        assert getattr(said, name) != value, f"the profile says {name} now: take it out of capable.py"


def test_rclone_is_no_place_for_a_sync(measured, running, bucket):
    """It keeps neither metadata nor tags, knows no condition, checks no checksum; the store stops at its listing."""
    found = measured("rclone")
    assert words(found["conditional writes"]) == words(found["tags"]) == set()
    assert words(found["checksums: a wrong one is refused"]) == set()
    assert "crc32" in words(found["checksums: HEAD returns them"])  # it repeats what it was told
    client = running("rclone").client(client_config(path_style=True))
    client.create_bucket(Bucket=bucket)
    store = S3Store(Location(scheme="s3", conn_id="rclone", bucket=bucket, prefix=""), client)
    with pytest.raises(ListingUntrusted, match="counts None keys"):
        store.list_page()
    store.close()


def table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lines of a table as the page has it."""
    return ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]


def test_the_page_says_what_was_measured(measured):
    answers = {server: measured(server) for server in SERVERS}
    expected = table(["knob", *SERVERS], [[knob, *(answers[name][knob] for name in SERVERS)] for knob in PROBES])
    expected += table(["program", "version"], [[program.name, program.version] for program in PROGRAMS])
    rows = [[server, name, reason] for server, declared in DEVIATIONS.items() for name, reason in declared.items()]
    expected += table(["server", "test", "why it fails there"], rows)
    keys = [[server, f"`{key!a}`", words] for server, declared in KEYS.items() for key, words in declared.items()]
    expected += table(["server", "key", "what becomes of it"], keys)
    lines = set(PAGE.read_text().splitlines())
    assert [line for line in expected if line not in lines] == [], "write these lines:\n" + "\n".join(expected)
