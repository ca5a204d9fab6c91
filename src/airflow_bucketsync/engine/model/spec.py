"""What a sync is asked to do: from where to where, which objects (`selection`), and how (`policy`)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.model.by_hand import ByHand
from airflow_bucketsync.engine.model.location import Location
from airflow_bucketsync.engine.model.policy import SyncPolicy
from airflow_bucketsync.engine.model.selection import Selection
from airflow_bucketsync.engine.model.together import check_together

SPEC_VERSION = 1

_PAIR = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,249}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSpec:
    """One pair and everything it was asked for.

    :param pair: the pair's id: its name, or a digest of both locations
    :param by_hand: what this run has set otherwise than the pair's author; None = nothing
    """

    pair: str
    source: Location
    destination: Location
    selection: Selection = field(default_factory=Selection)
    policy: SyncPolicy = field(default_factory=SyncPolicy)
    by_hand: ByHand | None = None

    def __post_init__(self) -> None:
        if not _PAIR.fullmatch(self.pair):  # it names a folder of the workspace
            raise InvalidConfiguration(
                f"{self.pair!r:.80} can't name a pair: use letters, digits, `_`, `-` and `.`, "
                "at most 250, not beginning with `.` or `-`"
            )
        check_together(self.selection, self.policy)

    @classmethod
    def of(
        cls,
        source: Location,
        destination: Location,
        *,
        name: str | None = None,
        selection: Selection | None = None,
        policy: SyncPolicy | None = None,
        by_hand: ByHand | None = None,
    ) -> Self:
        """A spec whose pair is named, or gets its id from both locations."""
        return cls(
            pair=name or pair_id(source, destination),
            source=source,
            destination=destination,
            selection=selection or Selection(),
            policy=policy or SyncPolicy(),
            by_hand=by_hand,
        )

    @property
    def aside(self) -> bool:
        """Whether this run leaves alone where the pair's own runs stand."""
        return self.by_hand is not None and self.by_hand.aside

    def fingerprint(self) -> str:
        """What a checkpoint must share to be of use: source, destination and the author's selection."""
        selection = self.selection if self.by_hand is None else self.by_hand.selection
        return _digest([SPEC_VERSION, self.source.url, self.destination.url, selection.to_json()])

    def pair_fingerprint(self) -> str:
        """What `known` must share to be of use: source, destination and key mapping, whatever was selected."""
        mapping = self.selection.key_mapping
        parts = [SPEC_VERSION, self.source.url, self.destination.url]
        return _digest(parts if mapping.keeps else [*parts, mapping.to_json()])

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "pair": self.pair,
            "source": self.source.to_json(),
            "destination": self.destination.to_json(),
            "selection": self.selection.to_json(),
            "policy": self.policy.to_json(),
            **({} if self.by_hand is None else {"by_hand": self.by_hand.to_json()}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(
            pair=value["pair"],
            source=Location.from_json(value["source"]),
            destination=Location.from_json(value["destination"]),
            selection=Selection.from_json(value.get("selection", {})),
            policy=SyncPolicy.from_json(value.get("policy", {})),
            by_hand=ByHand.from_json(value["by_hand"]) if "by_hand" in value else None,
        )


def pair_id(source: Location, destination: Location) -> str:
    """The id of an unnamed pair: 16 hexadecimal digits of both locations."""
    return _digest([source.url, destination.url])[:16]


def listing_id(source: Location) -> str:
    """The id of an unnamed listing that several pairs share."""
    return _digest([source.url])[:16]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
