"""How must a client of OSS be set up so that this store can rely on it?

oss2 never retries, which is what is wanted: one place does (retrying.py). Its own CRC-64 is off (`enable_crc`): it is
computed in Python wherever the C extension could not be built, and the store computes it faster.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import oss2  # type: ignore[import-untyped]
import requests
from requests.adapters import HTTPAdapter

from airflow_bucketsync.engine.errors import InvalidConfiguration
from airflow_bucketsync.engine.stores.remote.dots import dots_kept
from airflow_bucketsync.engine.stores.remote.quiet import quiet
from airflow_bucketsync.engine.stores.remote.wire import patient

_TALKATIVE = ("oss2", "urllib3")
"""Loggers that print headers, session tokens and signatures: at DEBUG as they are sent, and oss2 prints at INFO what
the store answered to a refused request, which may quote them."""

_REGION = re.compile(r"(?:oss-)?([a-z]{2,}(?:-[a-z0-9]+)+?)(?:-internal)?")
_HOST = re.compile(
    r"(?:oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com|([a-z0-9-]+?)(?:-internal)?\.oss\.aliyuncs\.com)"
)


def make_client(
    endpoint: str,
    bucket: str,
    credentials: Any = None,
    region: str = "",
    *,
    pool: int = 32,
    connect_timeout: float = 10.0,
    read_timeout: float = 60.0,
    path_style: bool = False,
    is_cname: bool = False,
    proxies: Mapping[str, str] | None = None,
    verify: bool | str = True,
) -> oss2.Bucket:
    """The client of an `OSSStore`.

    :param endpoint: with or without a scheme; https is what counts where there is none
    :param credentials: an `oss2.CredentialsProvider`, or (id, secret), or (id, secret, token); None = anonymous
    :param region: of the endpoint; "" = as its name says. Requests are signed for it (version 4)
    :param pool: at least the gate's concurrency, or connections are made anew for single requests
    :param connect_timeout: seconds
    :param read_timeout: seconds without a byte
    :param path_style: the bucket in the path; for IP addresses it always is
    :param is_cname: the endpoint is a domain of one's own that stands for this bucket
    :param proxies: by scheme; None = as the environment says
    :param verify: whether certificates are checked, or the file of those that are trusted
    :raises InvalidConfiguration: no client can be made of these values
    """
    quiet_logs()
    url = endpoint.strip() if "://" in endpoint else f"https://{endpoint.strip()}"
    region = plain_region(region) or region_of_endpoint(url) or ""
    if credentials is not None and not region:
        raise InvalidConfiguration(
            "the region can't be told from the endpoint; set region_name (like cn-hangzhou): requests are signed for it"
        )
    try:
        return oss2.Bucket(
            _auth(credentials),
            url,
            bucket,
            is_cname=is_cname,
            session=_Connections(url, pool, proxies, verify, read_timeout),
            connect_timeout=(connect_timeout, read_timeout),
            app_name="airflow-bucketsync",
            enable_crc=False,
            region=region or None,
            is_path_style=path_style,
        )
    except oss2.exceptions.ClientError:  # its text quotes what it was given
        raise InvalidConfiguration(
            "the endpoint or the bucket's name is not valid: an endpoint is written https://oss-cn-hangzhou.aliyuncs.com"
            ", a bucket's name has 3 to 63 of a-z, 0-9 and -"
        ) from None


def plain_region(region: str) -> str:
    """The region as signatures name it: `cn-hangzhou`, also where `oss-cn-hangzhou` or `…-internal` is written."""
    match = _REGION.fullmatch(region.strip())
    return match[1] if match else region.strip()


def region_of_endpoint(endpoint: str) -> str | None:
    """The region in an endpoint's name; None = it names none (accelerated, a domain of one's own)."""
    host = (urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}").hostname or "").lower()
    match = _HOST.fullmatch(host)
    region: str | None = (match[1] or match[2]) if match else None
    return None if region is None or region.startswith("accelerate") else region


def quiet_logs() -> None:
    """Keep the client's logs shut below WARNING: they print session tokens, signatures and what was signed."""
    quiet(_TALKATIVE, logging.WARNING)


def _auth(credentials: Any) -> Any:
    if credentials is None:
        return oss2.AnonymousAuth()
    if isinstance(credentials, tuple):
        key, secret, *token = (text.strip() for text in credentials)
        credentials = oss2.StaticCredentialsProvider(key, secret, *token)
    return oss2.ProviderAuthV4(credentials)


class _Connections(oss2.Session):  # type: ignore[misc]
    """The connections of one client, and how a request is put on the wire."""

    def __init__(
        self, endpoint: str, pool: int, proxies: Mapping[str, str] | None, verify: bool | str, silence: float
    ) -> None:
        super().__init__(adapter=_Adapter(silence, pool_connections=4, pool_maxsize=pool))
        # What the environment says is read once, not with every request; nor can a .netrc replace a signature then.
        found = self.session.merge_environment_settings(endpoint, {}, True, verify, None)
        self.session.trust_env = False
        self.session.verify = found["verify"]
        self.session.proxies = found["proxies"] if proxies is None else dict(proxies)

    def do_request(self, req: Any, timeout: Any) -> Any:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in req.params.items())
        try:
            answer = self.session.request(
                req.method,
                # By us, because the HTTP library writes a space as `+`.
                dots_kept(req.url) + (f"?{query}" if query else ""),
                data=req.data,
                headers=req.headers,
                stream=True,
                timeout=timeout,
                # Never follow a redirect: the session token in the headers would go with it.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise oss2.exceptions.RequestError(error) from None
        return oss2.http.Response(answer)


class _Adapter(HTTPAdapter):
    """Sends the path as it must arrive: `requests` decodes what needs no encoding, also dots that do.

    :param silence: seconds without a byte sent, after which a request failed
    """

    def __init__(self, silence: float, **options: Any) -> None:
        self._silence = silence
        super().__init__(**options)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self._make_patient(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return self._make_patient(super().proxy_manager_for(proxy, **options))

    def _make_patient(self, manager: Any) -> Any:
        pools = manager.pool_classes_by_scheme
        manager.pool_classes_by_scheme = {
            scheme: patient(pool, silence=self._silence) for scheme, pool in pools.items()
        }
        return manager

    def request_url(self, request: Any, proxies: Any) -> str:
        return dots_kept(super().request_url(request, proxies))
