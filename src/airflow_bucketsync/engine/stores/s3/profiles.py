"""Which profile does a connection name, or its endpoint stand for?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from urllib.parse import urlsplit

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.stores.s3.known_profiles import AWS, OTHER, PROFILES
from airflow_bucketsync.engine.stores.s3.profile import Profile

__all__ = ["AWS", "OTHER", "PROFILES", "Profile", "guessed_profile", "profile_named"]

_BY_NAME: Mapping[str, Profile] = {profile.name: profile for profile in PROFILES}
_OSS = re.compile(r"(?:.+\.)?(oss-[a-z0-9-]+\.aliyuncs\.com)")


def profile_named(name: str) -> Profile:
    """The profile of this name.

    :raises InvalidConfiguration: there is none; the nearest is named
    """
    found = _BY_NAME.get(name)
    if found is not None:
        return found
    near = get_close_matches(name.strip().lower(), _BY_NAME, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_BY_NAME)}"
    raise InvalidConfiguration(f"bucketsync_profile: there is no profile {name!r}; {hint}")


def guessed_profile(endpoint_url: str | None) -> Profile:
    """The profile that an endpoint stands for: `aws` without one, `other` where nothing is known of its host.

    :raises InvalidConfiguration: the endpoint does not speak S3
    """
    if not endpoint_url:
        return AWS
    host = host_of(endpoint_url)
    for profile in PROFILES:
        if profile.serves(host):
            return profile
    if match := _OSS.fullmatch(host):
        raise InvalidConfiguration(
            f"{host} is an endpoint of Alibaba OSS in its own protocol: name the place oss://…, or use its endpoint "
            f"for S3, https://s3.{match[1]}"
        )
    return OTHER


def host_of(endpoint_url: str) -> str:
    """The host of an endpoint, in lower case; also of one that was written without its scheme."""
    text = endpoint_url if "//" in endpoint_url else f"//{endpoint_url}"
    return (urlsplit(text).hostname or "").lower()
