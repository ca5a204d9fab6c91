"""What a store can do and hold, per store instance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airflow_bucketsync.engine.model.objects import ChecksumAlgorithm
from airflow_bucketsync.engine.model.storage_classes import ClassNames
from airflow_bucketsync.engine.model.units import GIB, MIB, TIB

EtagMeaning = Literal["md5", "opaque"]
ConditionalPut = Literal["none", "create_only", "full"]
NameFolding = Literal["none", "case"]
TagCharacters = Literal["any", "oss"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do and hold.

    :param multipart: whether objects can be written in parts
    :param part_copy: whether a part can be a range of another object, without its body passing through us
    :param tags: whether objects have tags
    :param tag_characters: `oss` = tags hold ASCII letters, digits, spaces and `+-=._:/` only; `any` = what S3 holds
    :param counts_tags: whether HEAD and GET tell the number of tags to those who may read them
    :param user_metadata: whether objects have user metadata and content headers
    :param max_user_metadata: bytes of all names and values of one object's user metadata
    :param redirect: whether objects have a website redirect
    :param copies_redirect: whether a server-side copy brings it along
    :param copies_expires: whether a server-side copy brings `Expires` along (one server loses it)
    :param class_names: whose names of storage classes it speaks
    :param storage_classes: classes that can be written, the standard one apart
    :param encryptions: words of `encryption` that it understands
    :param keeps_mtime: whether the object's own modification time is set from the source's (a file system)
    :param max_put: bytes of one put
    :param max_copy: bytes of one server-side copy
    :param min_part: bytes of every part but the last
    :param max_part: bytes of one part
    :param max_parts: parts of one object
    :param max_object: bytes of one object
    :param delete_batch: keys of one bulk delete request
    :param page_limit: keys of one listing page
    :param etag_meaning: `md5` = the ETag of an object written whole is the MD5 of its bytes;
        `opaque` = only equal to itself
    :param checksums: algorithms the store verifies and returns, best first
    :param conditional_put: whether the store holds a write to what must stand there; where it can't, we look before
    :param conditional_copy: whether server-side copies can, where writes can
    :param conditional_delete: whether deletes can
    :param name_folding: `case` = two names that differ in case (or Unicode form) are one
    """

    multipart: bool = True
    part_copy: bool = True
    tags: bool = True
    tag_characters: TagCharacters = "any"
    counts_tags: bool = False
    user_metadata: bool = True
    max_user_metadata: int = 2048
    redirect: bool = True
    copies_redirect: bool = False
    copies_expires: bool = True
    class_names: ClassNames = "none"
    storage_classes: tuple[str, ...] = ()
    encryptions: tuple[str, ...] = ()
    keeps_mtime: bool = False
    max_put: int = 5 * GIB
    max_copy: int = 5 * GIB
    min_part: int = 5 * MIB
    max_part: int = 5 * GIB
    max_parts: int = 10_000
    max_object: int = 5 * TIB
    delete_batch: int = 1000
    page_limit: int = 1000
    etag_meaning: EtagMeaning = "md5"
    checksums: tuple[ChecksumAlgorithm, ...] = ()
    conditional_put: ConditionalPut = "full"
    conditional_copy: bool = True
    conditional_delete: bool = True
    name_folding: NameFolding = "none"
