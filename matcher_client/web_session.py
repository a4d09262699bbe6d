"""Requests to one matching service: pooled, verified, bounded in time and size, and never led elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from orbweaver.matcher_client.errors import Unavailable
from orbweaver.matcher_client.service_address import ServiceAddress
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
# From the first byte asked to the last byte read, all attempts apart: a slow drip ends here.
ANSWER_SECONDS = 30.0
ANSWER_BYTES = 8 * 2**20
TRIES_AGAIN = 3
# 429 and 503 with Retry-After are waited for, up to this; a longer one is the health gate's business.
LONGEST_PAUSE_SECONDS = 10.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """What a service said, whole; `content_type` is lower-case and without parameters."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; raises Unavailable, for half a JSON or an HTML page is no answer."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Unavailable(f"the answer (status {self.status}) is not JSON but {self.content_type!r}") from None

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")


class WebSession:
    """One service's connections, kept alive and reused; safe for threads.

    Every failure is Unavailable with one line that names the service and never a digest or a secret: no connection,
    a certificate that does not verify, a redirect (digests must not leak), an answer that is cut, too large or too
    slow. What a status means is left to the service, after transient ones were tried again.
    """

    def __init__(self, address: ServiceAddress, *, connections: int = 1) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False  # neither a proxy nor a .netrc of the environment
        self._session.verify = str(address.ca) if address.ca else True
        if address.certificate:
            both = (str(address.certificate), str(address.key))
            self._session.cert = both if address.key else str(address.certificate)
        if address.token is not None:
            self._session.headers["Authorization"] = f"Bearer {address.token}"
        elif address.username is not None:
            self._session.auth = (address.username, address.password or "")
        retry = Retry(
            total=TRIES_AGAIN,
            redirect=0,
            allowed_methods={"GET", "POST"},  # a lookup changes nothing
            status_forcelist=_TRANSIENT,
            backoff_factor=0.2,
            backoff_jitter=0.2,
            respect_retry_after_header=True,
            raise_on_status=False,
            raise_on_redirect=False,
        )
        adapter = HTTPAdapter(max_retries=retry, pool_connections=1, pool_maxsize=connections, pool_block=True)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask with GET; `path` begins with a slash. Raises Unavailable."""
        return self._ask("GET", path, params=params)

    def post_json(self, path: str, value: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask with POST and a JSON body. Raises Unavailable."""
        return self._ask("POST", path, json=value, headers=headers)

    def post_text(self, path: str, text: str, *, content_type: str = "text/plain") -> Answer:
        """Ask with POST and a body of text as it is. Raises Unavailable."""
        return self._ask("POST", path, data=text.encode(), headers={"Content-Type": content_type})

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _ask(self, method: str, path: str, **options: Any) -> Answer:
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            with self._session.request(
                method,
                self._address.base_url + path,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
                **options,
            ) as response:
                body = self._read(response, deadline)
        except requests.RequestException as error:
            raise Unavailable(f"{self._address.name} cannot be asked ({type(error).__name__})") from None
        if 300 <= response.status_code < 400:
            raise Unavailable(f"{self._address.name} redirects elsewhere: set MATCHER_URL to where it is")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return Answer(response.status_code, kind, body)

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(64 * 1024):
            body += chunk
            if len(body) > ANSWER_BYTES:
                raise Unavailable(f"{self._address.name} answers with more than {ANSWER_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self._address.name} took more than {ANSWER_SECONDS:.0f} s to answer")
        return bytes(body)
