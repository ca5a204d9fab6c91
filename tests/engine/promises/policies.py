"""Strict servers that hold every request against IAM or RAM policies, and note which rights were asked for."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers.oss import OSSServer
from tests.servers.oss import credentials as oss_credentials
from tests.servers.oss.errors import OSSError
from tests.servers.s3 import S3Server
from tests.servers.s3 import credentials as s3_credentials
from tests.servers.s3.admission import denied

PAGE = Path(__file__).parents[3] / "docs" / "permissions.md"
VERSIONED = {"GetObject": "GetObjectVersion", "GetObjectTagging": "GetObjectVersionTagging"}
"""Actions that a request needs instead when it names a version."""
RESOURCE = {"s3": "arn:aws:s3:::", "oss": "acs:oss:*:*:"}


@dataclass(frozen=True)
class Policy:
    """Statements that allow, as JSON has them."""

    statements: tuple[Mapping[str, Any], ...]

    def allows(self, service: str, action: str, bucket: str, key: str, prefix: str | None) -> bool:
        """Is the action allowed there? `prefix` is that of a listing, None = the request has none."""
        resource = RESOURCE[service] + bucket + (f"/{key}" if key else "")
        return any(
            f"{service}:{action}" in _listed(statement["Action"])
            and any(fnmatch.fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"]))
            and _holds(statement.get("Condition", {}), service, prefix)
            for statement in self.statements
        )

    @property
    def actions(self) -> list[str]:
        """Every action named, without the service."""
        return [name.partition(":")[2] for statement in self.statements for name in _listed(statement["Action"])]

    def without(self, action: str) -> Policy:
        """The policy but for one action."""
        left = (
            {**statement, "Action": [name for name in _listed(statement["Action"]) if not name.endswith(f":{action}")]}
            for statement in self.statements
        )
        return Policy(tuple(left))

    def __or__(self, other: Policy) -> Policy:
        return Policy((*self.statements, *other.statements))


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _holds(condition: Mapping[str, Any], service: str, prefix: str | None) -> bool:
    if not condition:
        return True
    ((operator, values),) = condition.items()
    ((name, patterns),) = values.items()
    assert (operator, name.lower()) == ("StringLike", f"{service}:prefix")
    return prefix is not None and any(fnmatch.fnmatchcase(prefix, pattern) for pattern in _listed(patterns))


def documented(service: str) -> dict[str, Policy]:
    """The policies of the page that every run needs, by place: the heading that each stands below."""
    return {heading: policy for heading, policy in _headed(service).items() if ", " not in heading}


def added(service: str, purpose: str) -> dict[str, Policy]:
    """The policies that a run needs besides for a purpose, by place: `### Destination, for deleting`."""
    found = ([*heading.split(", for "), policy] for heading, policy in _headed(service).items() if ", " in heading)
    return {place: policy for place, wanted, policy in found if wanted == purpose}


def _headed(service: str) -> dict[str, Policy]:
    title = {"s3": "Amazon S3", "oss": "Alibaba OSS"}[service]
    section = re.split(r"^## ", PAGE.read_text(), flags=re.M)
    (text,) = [part for part in section if part.startswith(title)]
    found = {}
    for name, block in re.findall(r"^### ([\w, ]+)$(?:(?!^###).)*?^```json\n(.*?)^```", text, re.M | re.S):
        document = json.loads(block)
        assert document["Version"] == {"s3": "2012-10-17", "oss": "1"}[service]
        assert {statement["Effect"] for statement in document["Statement"]} == {"Allow"}
        found[name.lower()] = Policy(tuple(document["Statement"]))
    return found


class Policed:
    """What both servers share: the policies of access keys, and the rights that were asked for."""

    service = ""

    def setup(self) -> None:
        """No policies, nothing asked."""
        self.policies: dict[str, Policy] = {}
        self.asked: set[tuple[str, str]] = set()
        self.looking = False

    def may_do(self, call: Any, action: str, bucket: str, key: str) -> bool:
        """Is the caller allowed to? Those without a policy are."""
        source = call.header(f"x-{'amz' if self.service == 's3' else 'oss'}-copy-source")
        reads_copied = bool(source) and action in VERSIONED
        if call.query.get("versionId") or (reads_copied and "?versionId=" in source):
            action = VERSIONED.get(action, action)
        if not self.looking and bucket:
            self.asked.add((action, bucket))
        policy = self.policies.get(call.principal.credential.access_key)
        prefix = call.query.get("prefix")
        return policy is None or policy.allows(self.service, action, bucket, key, prefix)


class PolicedS3(Policed, S3Server):
    """The strict S3 server under policies."""

    service = "s3"

    def check_access(self, call: Any, operation: str, bucket: str, key: str) -> None:
        super().check_access(call, operation, bucket, key)
        if not self.may_do(call, s3_credentials.action_of(operation), bucket, key):
            raise denied(self.principal_name(call), operation, f"arn:aws:s3:::{bucket}/{key}")

    def may(self, call: Any, operation: str, bucket: str, key: str = "") -> bool:
        """What decides how much an answer tells is no right that the request needs."""
        self.looking = True
        try:
            return super().may(call, operation, bucket, key)
        finally:
            self.looking = False


class PolicedOSS(Policed, OSSServer):
    """The strict OSS server under policies."""

    service = "oss"

    def check_access(self, call: Any, operation: str, bucket: str, key: str) -> None:
        super().check_access(call, operation, bucket, key)
        action = oss_credentials.action_of(operation)
        if not self.may_do(call, action, bucket, key):
            details = {"AuthAction": f"oss:{action}", "NoPermissionType": "ImplicitDeny"}
            raise OSSError("AccessDenied", "You have no right to access this object.", details)


def names(rights: Iterable[tuple[str, str]], bucket: str) -> set[str]:
    """Actions that were asked for at one bucket."""
    return {action for action, where in rights if where == bucket}
