"""What does a plan come to: what is moved, deleted and asked for, how long it takes, and what is worth knowing?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from airflow_bucketsync.engine.model.advice import Advice
from airflow_bucketsync.engine.model.analysis import Found, Row
from airflow_bucketsync.engine.model.route import Route

Tier = Literal["attributes", "small", "medium", "large", "too_large"]
"""How an object is worked on: no body moves; one request; one task, maybe in parts; its parts in tasks of their own;
there is no way."""
Asked = Literal["list", "look", "tags", "read", "put", "copy", "begin", "part", "complete", "delete"]
"""What a request is for, whatever a store calls it: `look` = HEAD, `read` = GET of a body or a range of it, `copy` = a
server-side copy, `part` = a part sent or copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Objects that are brought over in one way.

    :param name: `server_copy`, `part_copy`, `stream`, `stream_parts` or `set_attributes`
    :param parts: of all of them; 0 where they go whole
    """

    name: str
    objects: int
    bytes: int
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests that carrying out a plan takes when nothing fails, those about the pair's lock apart.

    :param side: `source` or `destination`; nothing is said of folders, which need none
    """

    side: str
    kind: Asked
    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """What stands at the destination and not at the source, and is to be deleted.

    :param first: of them, in key order (at most 20)
    :param guard: the word of the guard that withholds them all; None = none does
    :param words: of the guard
    :param kept: whether they go into the trash, or stay as versions
    :param asks: whether a person is asked first
    """

    objects: int
    bytes: int
    first: tuple[Found, ...]
    guard: str | None
    words: str
    kept: bool
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReview:
    """A plan as people are to see it before it is carried out.

    :param dry: it is the plan of a dry run
    :param decided: objects per outcome word that no task has to do with (`same`, `refused`, `extra`, …)
    :param tiers: objects and bytes per `Tier`
    :param reasons: per reason why an object is not in step
    :param sizes: per size class, as in an analysis
    :param classes: per storage class at the source
    :param archived: per storage class, of objects that can't be read before they are restored; they fail
    :param largest: by the keys that they have at the destination (at most 20)
    :param deletes: None = the run deletes nothing there
    :param moves: what would be deleted at the source once it is proven to be at the destination; None = nothing is
    :param through: bytes that pass through the workers
    :param read_back: bytes that `verify: content` reads once more at the destination
    :param batches: tasks that copy
    :param groups: tasks that bring over parts of large objects
    :param estimate: as in the plan (`rules.estimate.Estimate` as JSON)
    :param resume: the key after which the next run goes on, where a bound left others for it
    :param advice: options that the figures speak for
    :param notes: what else should be known or done first
    """

    pair: str
    run: str
    digest: str
    source: str
    destination: str
    mode: str
    dry: bool
    route: Route
    objects: int
    bytes: int
    decided: Mapping[str, int]
    tiers: tuple[Row, ...] = ()
    reasons: tuple[Row, ...] = ()
    ways: tuple[Way, ...] = ()
    sizes: tuple[Row, ...] = ()
    classes: tuple[Row, ...] = ()
    archived: tuple[Row, ...] = ()
    largest: tuple[Found, ...] = ()
    deletes: Deletions | None = None
    moves: Row | None = None
    requests: tuple[Requests, ...] = ()
    through: int = 0
    read_back: int = 0
    batches: int = 0
    groups: int = 0
    estimate: Mapping[str, Any] = field(default_factory=dict)
    resume: str | None = None
    warnings: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from a document."""
        fields = {name: value[name] for name in cls.__dataclass_fields__}
        for name, kind in _LISTS.items():
            fields[name] = tuple(kind(**item) for item in fields[name])
        deletes, moves = fields["deletes"], fields["moves"]
        if deletes is not None:
            fields["deletes"] = Deletions(**{**deletes, "first": tuple(Found(**item) for item in deletes["first"])})
        fields["moves"] = None if moves is None else Row(**moves)
        texts = {name: tuple(fields[name]) for name in ("warnings", "notes")}
        return cls(**{**fields, **texts, "route": Route.from_json(fields["route"])})


_LISTS: Mapping[str, type[Any]] = {
    **dict.fromkeys(("tiers", "reasons", "sizes", "classes", "archived"), Row),
    "ways": Way,
    "largest": Found,
    "requests": Requests,
    "advice": Advice,
}
