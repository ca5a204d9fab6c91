"""What has to be known of a store that speaks S3, before anything is asked of it?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from airflow_bucketsync.engine.model.capabilities import Capabilities, ConditionalPut, EtagMeaning, TagCharacters
from airflow_bucketsync.engine.model.objects import ChecksumAlgorithm
from airflow_bucketsync.engine.model.units import GIB, MIB, TIB

Addressing = Literal["auto", "path", "virtual"]
BulkDelete = Literal["sdk", "md5", "single"]
Honoured = Literal["yes", "doubted", "no"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of store that speaks S3, as data.

    :param name: what a connection says in `bucketsync_profile`
    :param title: the store's own name
    :param hosts: patterns of the hosts of its endpoints, to guess it from; () = never guessed
    :param endpoint: its endpoint, for people
    :param region: what to sign for where the connection names no region; "" = it must name one
    :param addressing: the bucket in the `path`, in the host (`virtual`), or in the host where names allow it (`auto`)
    :param signature: of requests, by the client's name for it
    :param unsigned_payload: whether bodies over TLS need no hash of their own in the signature
    :param checksums: what it verifies and answers, best first; () = bodies go with Content-MD5 instead
    :param checksum_header: a header of its own in answers, a decimal number, and the checksum that it is
    :param bulk_delete: many keys in a request with the client's checksum (`sdk`) or Content-MD5 (`md5`), or one by one
    :param list_version: 1 = by marker, 2 = by start-after
    :param url_encode: whether keys in listings are asked for url-encoded; else XML is all that carries them
    :param path_keys: whether keys are kept as paths, so that some are changed or refused
    :param part_copy: whether a part can be a range of another object
    :param max_copy: bytes of one server-side copy
    :param etag: `md5` = 32 hexadecimal digits are the MD5 of the body, never of an object made in parts; `opaque`
    :param tags: whether objects have tags
    :param tag_characters: which characters they hold, by the words of `Capabilities`
    :param counts_tags: whether HEAD tells their number to those who may read them
    :param conditional_put: whether writes can depend on what stands there
    :param conditional_copy: whether copies can; `doubted` = the condition is sent, and looked after before as well
    :param conditional_delete: whether deletes can, likewise
    :param acl: whether canned ACLs can be sent
    :param redirect: whether objects have a website redirect
    :param copies_expires: whether a server-side copy brings `Expires` along
    :param storage_classes: classes that can be written, by the names of Amazon
    :param encryptions: words of `encryption` that it understands
    :param max_user_metadata: bytes of names and values
    :param max_put: bytes of one put
    :param min_part: bytes of every part but the last
    :param max_part: bytes of one part
    :param max_parts: parts of one object
    :param max_object: bytes of one object
    :param tried: by what it was tried; "" = only read about
    :param notes: what people should know besides
    """

    name: str
    title: str
    hosts: tuple[str, ...] = ()
    endpoint: str = ""
    region: str = ""
    addressing: Addressing = "path"
    signature: str = "s3v4"
    unsigned_payload: bool = True
    checksums: tuple[ChecksumAlgorithm, ...] = ()
    checksum_header: tuple[str, ChecksumAlgorithm] | None = None
    bulk_delete: BulkDelete = "md5"
    list_version: Literal[1, 2] = 2
    url_encode: bool = True
    path_keys: bool = False
    part_copy: bool = True
    max_copy: int = 5 * GIB
    etag: EtagMeaning = "opaque"
    tags: bool = True
    tag_characters: TagCharacters = "any"
    counts_tags: bool = False
    conditional_put: ConditionalPut = "none"
    conditional_copy: Honoured = "no"
    conditional_delete: Honoured = "no"
    acl: bool = True
    redirect: bool = False
    copies_expires: bool = True
    storage_classes: tuple[str, ...] = ()
    encryptions: tuple[str, ...] = ()
    max_user_metadata: int = 2048
    max_put: int = 5 * GIB
    min_part: int = 5 * MIB
    max_part: int = 5 * GIB
    max_parts: int = 10_000
    max_object: int = 5 * TIB
    tried: str = ""
    notes: str = ""

    def serves(self, host: str) -> bool:
        """Whether this host is one of its endpoints."""
        return any(re.fullmatch(pattern, host) for pattern in self.hosts)

    @property
    def capabilities(self) -> Capabilities:
        """What a store of this kind can do and hold."""
        return Capabilities(
            part_copy=self.part_copy,
            tags=self.tags,
            tag_characters=self.tag_characters,
            counts_tags=self.counts_tags,
            max_user_metadata=self.max_user_metadata,
            redirect=self.redirect,
            copies_expires=self.copies_expires,
            class_names="s3",
            storage_classes=self.storage_classes,
            encryptions=self.encryptions,
            max_put=self.max_put,
            max_copy=self.max_copy,
            min_part=self.min_part,
            max_part=self.max_part,
            max_parts=self.max_parts,
            max_object=self.max_object,
            delete_batch=1 if self.bulk_delete == "single" else 1000,
            etag_meaning=self.etag,
            checksums=self.checksums,
            conditional_put=self.conditional_put,
            conditional_copy=self.conditional_copy == "yes",
            conditional_delete=self.conditional_delete == "yes",
        )
