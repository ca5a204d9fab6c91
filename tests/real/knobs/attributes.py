"""What of an object does a server keep besides its bytes, and what of a bucket does it tell?"""

from __future__ import annotations

import string
from urllib.parse import quote

from botocore.exceptions import ClientError

from tests.real.probes import HEADERS, Answer, Place, listed, probe, refused, yes


@probe("content headers kept")
def content_headers(place: Place) -> Answer:
    place.put("o", **HEADERS)
    found = place.head("o")
    found["Expires"] = found.get("ExpiresString")
    lost = [name for name, value in HEADERS.items() if found.get(name) != value]
    return f"all but {', '.join(lost)}" if lost else "all"


@probe("user metadata not in ASCII")
def metadata_words(place: Place) -> Answer:
    """What becomes of a word of RFC 2047, by which Amazon S3 takes text that is not ASCII."""
    word = "=?UTF-8?B?R3LDvMOfZQ==?="
    place.put("o", Metadata={"a": word})
    found = place.head("o")["Metadata"].get("a")
    return "kept as it was sent" if found == word else f"answered as {found!r}"


@probe("user metadata: largest")
def metadata_size(place: Place) -> Answer:
    least, most = 0, 16 * 1024
    while most - least > 1:
        size = (least + most) // 2
        value = "x" * (size - len("ab"))
        kept = (
            not refused(place.put, key="o", Metadata={"ab": value}) and place.head("o")["Metadata"].get("ab") == value
        )
        least, most = (size, most) if kept else (least, size)
    return f"{least} bytes of names and values" + (" or more" if least >= 16 * 1024 - 1 else "")


@probe("tags")
def tags(place: Place) -> Answer:
    """By which ways tags can be written."""
    found = []

    def kept(key: str) -> bool:
        answer = place.s3.get_object_tagging(Bucket=place.bucket, Key=key)
        return answer["TagSet"] == [{"Key": "a b", "Value": "c+d/e=f"}]

    header = {"Tagging": "a%20b=c%2Bd%2Fe%3Df"}
    place.put("from")
    source = {"CopySource": {"Bucket": place.bucket, "Key": "from"}, "TaggingDirective": "REPLACE"}
    ways = {
        "put": lambda: place.put("put", **header),
        "copy": lambda: place.s3.copy_object(Bucket=place.bucket, Key="copy", **source, **header),
        "parts": lambda: place.complete(place.begin("parts", **header), {1: b"x"}),
    }
    for key, way in ways.items():
        try:
            way()
            found += [key] if kept(key) else []
        except ClientError:
            continue
    return listed(found)


@probe("tags: characters besides letters and digits")
def tag_characters(place: Place) -> Answer:
    found = [
        character
        for character in (" ", *string.punctuation)
        if not refused(place.put, key="o", Tagging=f"a=x{quote(character, safe='')}y")
    ]
    beyond = yes(not refused(place.put, key="o", Tagging=f"a={quote('日')}"))
    every = len(found) == 1 + len(string.punctuation)
    accepted = "all" if every else " ".join(found).replace(" ", "space", 1)
    return f"{accepted}; letters beyond ASCII: {beyond}"


@probe("tags: counted in HEAD")
def tag_count(place: Place) -> Answer:
    place.put("o", Tagging="a=b&c=d")
    return yes(place.head("o").get("TagCount") == 2)


@probe("storage classes")
def storage_classes(place: Place) -> Answer:
    found = []
    for name in ("STANDARD_IA", "GLACIER", "REDUCED_REDUNDANCY"):
        if not refused(place.put, key=name, StorageClass=name):
            kept = place.head(name).get("StorageClass") == name
            found.append(name if kept else f"({name} is dropped)")
    return listed(found)


@probe("encryption AES256")
def encryption(place: Place) -> Answer:
    try:
        place.put("o", ServerSideEncryption="AES256")
    except ClientError as error:
        return f"no: {error.response['Error']['Code']}"
    return yes(place.head("o").get("ServerSideEncryption") == "AES256")


@probe("canned ACL")
def canned_acl(place: Place) -> Answer:
    try:
        place.put("o", ACL="bucket-owner-full-control")
    except ClientError as error:
        return f"refused: {error.response['Error']['Code']}"
    return "accepted"


@probe("expected bucket owner")
def bucket_owner(place: Place) -> Answer:
    return "checked" if refused(place.put, key="o", ExpectedBucketOwner="111122223333") else "ignored"


@probe("versions of objects")
def versioning(place: Place) -> Answer:
    place.s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
    return yes(place.put("o").get("VersionId"))


@probe("region of the bucket told by HeadBucket")
def region(place: Place) -> Answer:
    answer = place.s3.head_bucket(Bucket=place.bucket)
    return yes(answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region"))
