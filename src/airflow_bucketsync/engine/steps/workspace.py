"""Where a run keeps its pages and documents: any store that all workers reach."""

from __future__ import annotations

import hashlib
import re
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from typing import IO, Any, BinaryIO, TypeVar, cast

import orjson
import zstandard

from airflow_bucketsync.engine.errors import BucketsyncError, ObjectNotFound, PlanMismatch
from airflow_bucketsync.engine.model.names import is_state_name
from airflow_bucketsync.engine.model.pages import PageRef, Schema, check_header, header
from airflow_bucketsync.engine.stores.base import ObjectStore

T = TypeVar("T")

_LEVEL = 1
_FLUSH = 128 * 1024
_SPOOL = 256 * 1024
_READ = 256 * 1024
_PART = 64 * 1024 * 1024
_LINE_LIMIT = 1024 * 1024
_DOCUMENT_LIMIT = 16 * 1024 * 1024
_SAFE = re.compile(r"[^A-Za-z0-9._-]+")


def folder_name(text: str) -> str:
    """A pair or run id as one path segment; what had to be replaced is told apart by a digest."""
    safe = _SAFE.sub("_", text).strip(".") or "_"
    if safe == text and len(safe) <= 120 and not is_state_name(f"{safe}/"):
        return safe
    return f"{safe[:100]}-{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:12]}"


class PageWriter:
    """Writes one page: a header line, then one JSON object per line, zstd frames of about 128 KiB.

    Memory: the current frame and at most 256 KiB of finished ones; more goes to a temporary file.
    """

    def __init__(self, store: ObjectStore, folder: str, name: str, schema: Schema) -> None:
        self._store = store
        self._folder = folder
        self._name = name
        self._compressor = zstandard.ZstdCompressor(level=_LEVEL)
        self._lines: list[bytes] = [orjson.dumps(header(schema))]
        self._pending = len(self._lines[0])
        self._spool: tempfile.SpooledTemporaryFile[bytes] = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - finish closes
            max_size=_SPOOL
        )
        # A writer that an error leaves behind takes its temporary file with it.
        weakref.finalize(self, self._spool.close)
        self._digest = hashlib.sha256()
        self._size = 0
        self.count = 0

    def write(self, line: Mapping[str, Any]) -> None:
        """Append one line."""
        data = orjson.dumps(line)
        self._lines.append(data)
        self._pending += len(data) + 1
        self.count += 1
        if self._pending >= _FLUSH:
            self._flush()

    def _flush(self) -> None:
        if not self._lines:
            return
        frame = self._compressor.compress(b"\n".join(self._lines) + b"\n")
        self._lines, self._pending = [], 0
        self._digest.update(frame)
        self._size += len(frame)
        self._spool.write(frame)

    def finish(self) -> PageRef:
        """Store the page; until then nothing of it is visible."""
        self._flush()
        self._spool.seek(0)
        write_file(self._store, self._folder + self._name, self._spool, self._size)
        self._spool.close()
        return PageRef(name=self._name, count=self.count, size=self._size, digest=self._digest.hexdigest())

    def discard(self) -> None:
        """Forget what was written."""
        self._spool.close()


def write_file(store: ObjectStore, key: str, content: Any, size: int) -> None:
    """Store a file of any size: in one request, or in parts where it is larger than 64 MiB."""
    part_size = max(_PART, store.capabilities.min_part)
    if size <= part_size:
        store.put(key, content.read())
        return
    upload_id = store.begin_upload(key)
    try:
        numbers = range(1, (size + part_size - 1) // part_size + 1)
        receipts = [store.upload_part(key, upload_id, number, content.read(part_size)) for number in numbers]
        store.complete_upload(key, upload_id, receipts, size=size)
    except BucketsyncError:
        with suppress(BucketsyncError):
            store.abort_upload(key, upload_id)
        raise


class Workspace:
    """The pages of one pair, and of one run of it.

    :param store: the workspace's location
    :param pair: the pair's id; its folder outlives runs
    :param run: the run's id; its folder is this run's alone
    """

    def __init__(self, store: ObjectStore, *, pair: str, run: str) -> None:
        self.store = store
        self.pair_folder = f"{folder_name(pair)}/"
        self.run_folder = f"{self.pair_folder}{folder_name(run)}/"

    def at(self, run_folder: str) -> Workspace:
        """The same with the folder of another run."""
        other = copy(self)
        other.run_folder = run_folder
        return other

    # documents ------------------------------------------------------------------------------------------------

    def write_document(self, name: str, schema: Schema, value: Mapping[str, Any], *, of_pair: bool = False) -> str:
        """Store a small JSON document; returns its SHA-256."""
        data = orjson.dumps({**header(schema), **value}, option=orjson.OPT_INDENT_2)
        self.store.put(self._folder(of_pair) + name, data)
        return hashlib.sha256(data).hexdigest()

    def read_document(
        self, name: str, schema: Schema, *, of_pair: bool = False, digest: str | None = None
    ) -> dict[str, Any]:
        """A document, checked against its schema and, if given, its digest.

        :raises ObjectNotFound: there is none
        :raises PlanMismatch: damaged, of another schema, or not the one the digest names
        """
        key = self._folder(of_pair) + name
        with self.store.open(key) as body:
            size = body.details.info.size
            if size > _DOCUMENT_LIMIT:
                raise PlanMismatch(f"document {name} has {size} bytes, more than any of ours", key=key)
            data = _read_all(body.readinto, size)
        if digest is not None and hashlib.sha256(data).hexdigest() != digest:
            raise PlanMismatch(f"document {name} is not the one this run wrote", key=key)
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise PlanMismatch(f"document {name} is damaged: {error}", key=key) from None
        check_header(value, schema, name=name)
        return dict(value)

    # pages ----------------------------------------------------------------------------------------------------

    def page_writer(self, name: str, schema: Schema, *, of_pair: bool = False) -> PageWriter:
        """A writer for a page of the run (or of the pair)."""
        return PageWriter(self.store, self._folder(of_pair), name + ".jsonl.zst", schema)

    def write_page(self, name: str, schema: Schema, lines: Iterator[Mapping[str, Any]]) -> PageRef:
        """Store a whole page."""
        writer = self.page_writer(name, schema)
        for line in lines:
            writer.write(line)
        return writer.finish()

    def read_page(
        self,
        page: PageRef,
        schema: Schema,
        from_json: Callable[[dict[str, Any]], T],
        *,
        of_pair: bool = False,
    ) -> Iterator[T]:
        """The lines of a page, streamed, after its bytes were proven: an edited page raises before its first line.

        :raises PlanMismatch: missing, damaged, or of another schema, count or digest
        """
        key = self._folder(of_pair) + page.name
        count = 0
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            self._fetch(page, key, spool)
            try:
                decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 24)
                reader = decompressor.stream_reader(cast(BinaryIO, spool), read_across_frames=True)
                lines = _split_lines(reader, page.name)
                check_header(_line(next(lines, b"null"), page.name), schema, name=page.name)
                for data in lines:
                    yield _noun(from_json, _line(data, page.name), page.name)
                    count += 1
            except zstandard.ZstdError as error:
                raise PlanMismatch(f"page {page.name} is damaged: {error}", key=key) from None
        if count != page.count:
            raise PlanMismatch(f"page {page.name} holds {count} lines, its plan says {page.count}", key=key)

    def _fetch(self, page: PageRef, key: str, spool: IO[bytes]) -> None:
        """Bring the stored bytes of a page here, and prove that they are the page."""
        digest, size = hashlib.sha256(), 0
        buffer = memoryview(bytearray(min(_READ, page.size + 1)))
        try:
            with self.store.open(key) as body:
                while size <= page.size and (count := body.readinto(buffer)):
                    digest.update(buffer[:count])
                    spool.write(buffer[:count])
                    size += count
        except ObjectNotFound:
            raise PlanMismatch(
                f"page {page.name} is missing: has the workspace been cleaned, or is it not shared by the workers?",
                location=self.store.location.url,
                key=key,
            ) from None
        if size != page.size or digest.hexdigest() != page.digest:
            raise PlanMismatch(f"page {page.name} is not the one its plan names (digest)", key=key)
        spool.seek(0)

    def list_names(self, prefix: str = "", *, of_pair: bool = False) -> Iterator[str]:
        """Names in the folder that begin with `prefix`, ascending."""
        base = self._folder(of_pair)
        after = base + prefix
        while True:
            page = self.store.list_page(after=after)
            for info in page.items:
                if not info.key.startswith(base + prefix):
                    return
                yield info.key[len(base) :]
            if page.next_after is None:
                return
            after = page.next_after

    def delete(self, name: str, *, of_pair: bool = False) -> None:
        """Delete a page or document of ours."""
        self.store.delete(self._folder(of_pair) + name)

    def _folder(self, of_pair: bool) -> str:
        return self.pair_folder if of_pair else self.run_folder


def _read_all(readinto: Callable[[memoryview], int], size: int) -> bytes:
    buffer = bytearray(size)
    view, done = memoryview(buffer), 0
    while done < size:
        count = readinto(view[done:])
        if not count:
            break
        done += count
    return bytes(view[:done])


def _split_lines(reader: BinaryIO | Any, name: str) -> Iterator[bytes]:
    rest = b""
    while chunk := reader.read(_READ):
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        if len(rest) > _LINE_LIMIT:
            raise PlanMismatch(f"page {name} holds a line longer than any of ours")
        yield from lines
    if rest:
        raise PlanMismatch(f"page {name} ends in the middle of a line")


def _noun(from_json: Callable[[dict[str, Any]], T], line: dict[str, Any], name: str) -> T:
    try:
        return from_json(line)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise PlanMismatch(f"page {name} holds a line that is none of ours: {type(error).__name__}: {error}") from None


def _line(data: bytes, name: str) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise PlanMismatch(f"page {name} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise PlanMismatch(f"page {name} holds a line that is no object")
    return value
