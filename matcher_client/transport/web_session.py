"""Asks one matching service over HTTP: verified, bounded in time and size; no redirects, no mixed-up answers."""

from __future__ import annotations

import json
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests
from orbweaver.matcher_client.errors import AnswerTooLarge, Unavailable
from orbweaver.matcher_client.transport.answer_reading import parse_json
from orbweaver.matcher_client.transport.bounded_connection import (
    NUMBER,
    BoundedAdapter,
    HttpQuestion,
    PatientRetry,
    asked,
)
from orbweaver.matcher_client.transport.service_address import ServiceAddress
from requests.models import REDIRECT_STATI
from urllib3.exceptions import NameResolutionError

CONNECT_SECONDS = 5.0
# The longest silence inside an answer.
READ_SECONDS = 15.0
# From the question to the last byte of its answer, all attempts and the pauses between them included.
ANSWER_SECONDS = 60.0
# After decoding. On the wire, headers and framing may take as much again.
ANSWER_BYTES = 8 * 2**20
TRIES_AGAIN = 3
# The longest wait after a 429 or 503 with Retry-After. A service that needs longer is left to the health gate.
LONGEST_PAUSE_SECONDS = 10
FIRST_PAUSE_SECONDS = 0.2
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_Error = TypeVar("_Error", bound=BaseException)
# The only words of a service that are shown: all others may repeat a digest or a secret, in any disguise.
_KINDS = {
    *("application/json", "application/octet-stream", "application/problem+json", "application/xml"),
    *("text/html", "text/plain", "text/xml"),
}

# urllib3 logs the whole URL of a request that it tries again, and the URLs of some services hold the digest.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class HttpAnswer:
    """A complete answer of a service; `content_type` is lower-case, without parameters, `date` the header as sent."""

    status: int
    content_type: str
    body: bytes = field(repr=False)
    date: str = ""

    def json(self) -> Any:
        """Return the body as JSON; raises Unavailable: half a JSON document or an HTML page is not an answer."""
        try:
            return parse_json(self.body)
        except ValueError:
            is_declared = self.kind == "application/json"
            wanted = "JSON that can be read in exactly one way" if is_declared else f"JSON but {self.kind}"
            raise Unavailable(f"the answer (status {self.status}) is not {wanted}") from None

    @property
    def kind(self) -> str:
        """The content type in words that can be shown: `application/json` and the like, else `another content type`."""
        if self.content_type in _KINDS:
            return self.content_type
        return "another content type" if self.content_type else "no content type"

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 is replaced."""
        return self.body.decode(errors="replace")


class _SessionWithoutRedirects(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  its name is requests' own
        """Return None: else requests reads the whole body of a redirect and its target, even if it must not follow."""
        return None


class WebSession:
    """The connections to one service, at most `connections` at a time; safe for threads.

    A connection is used for one question. It is kept for more when the service repeats the number of each question in
    its answer. Every failure is Unavailable, with one line that names the service and never a digest or a secret: no
    connection, a certificate that does not verify, a redirect (digests must not leak), an answer that is cut or too
    slow. An answer that is too large is AnswerTooLarge. Transient statuses are tried again; the service's client
    decides what a status means. No cookie is kept: nothing that a service sends goes into a later question.
    """

    def __init__(self, address: ServiceAddress, *, connections: int = 1) -> None:
        self._address = address
        self._repeats_numbers = False
        self._common: requests.PreparedRequest | None = None
        self._session = _SessionWithoutRedirects()
        self._session.trust_env = False  # no proxy and no .netrc of the environment
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.verify = str(address.ca) if address.ca else True
        if address.certificate:
            # When one file holds both, it is named twice: else an encrypted key asks for its password.
            self._session.cert = (str(address.certificate), str(address.key or address.certificate))
        if address.token is not None:
            # UTF-8, byte by byte: headers are encoded as Latin-1, and the error for another letter would quote the
            # token.
            self._session.headers["Authorization"] = f"Bearer {address.token}".encode().decode("latin-1")
        elif address.username is not None:
            both = b64encode(f"{address.username}:{address.password or ''}".encode()).decode()
            self._session.headers["Authorization"] = f"Basic {both}"
        retry = PatientRetry(
            total=TRIES_AGAIN,
            redirect=0,
            other=0,  # TLS failures: a second attempt does not help
            allowed_methods={"GET", "POST"},  # a lookup changes nothing
            status_forcelist=_TRANSIENT,
            backoff_factor=FIRST_PAUSE_SECONDS,
            backoff_jitter=FIRST_PAUSE_SECONDS,
            respect_retry_after_header=True,
            retry_after_max=LONGEST_PAUSE_SECONDS,
            raise_on_status=False,
            raise_on_redirect=False,
        )
        adapter = BoundedAdapter(max_retries=retry, pool_connections=1, pool_maxsize=connections, pool_block=True)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> HttpAnswer:
        """Ask with GET; `path` begins with a slash. Raises Unavailable."""
        return self._ask("GET", f"{path}?{urlencode(params)}" if params else path, {})

    def post_json(self, path: str, value: Any) -> HttpAnswer:
        """Ask with POST and a JSON body. Raises Unavailable."""
        return self._ask("POST", path, {"Content-Type": "application/json"}, json.dumps(value).encode())

    def post_text(self, path: str, text: str, *, content_type: str = "text/plain") -> HttpAnswer:
        """Ask with POST and a text as the body, unchanged. Raises Unavailable."""
        return self._ask("POST", path, {"Content-Type": content_type}, text.encode())

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def _ask(self, method: str, path: str, headers: Mapping[str, str], sent: bytes | None = None) -> HttpAnswer:
        question = HttpQuestion(
            service=self._address.name,
            deadline=time.monotonic() + ANSWER_SECONDS,
            silence_seconds=READ_SECONDS,
            wire_bytes=2 * ANSWER_BYTES,
        )
        before = asked.set(question)
        try:
            request = self._prepare(question, method, path, headers, sent)
            with self._session.send(
                request,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
                proxies={},
            ) as response:
                if response.status_code in REDIRECT_STATI:
                    raise Unavailable(
                        f"{self._address.name} redirects elsewhere, which is refused: put its real URL into MATCHER_URL"
                    )
                body = self._read(response)
        except (requests.RequestException, OSError) as error:  # OSError: a file of `ca`, `certificate` or `key` is gone
            raise Unavailable(f"{self._address.name} {_say_failure(self._address, error)}") from None
        finally:
            asked.reset(before)
        self._repeats_numbers = question.is_repeated
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        return HttpAnswer(response.status_code, kind, body, response.headers.get("Date", ""))

    def _prepare(
        self, question: HttpQuestion, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> requests.PreparedRequest:
        """Return the request. The part that all questions share is prepared once: it takes longer than the rest."""
        if self._common is None:
            self._common = self._session.prepare_request(requests.Request("GET", self._address.base_url))
        request = self._common.copy()
        request.method = method
        request.url = (request.url or "").rstrip("/") + path
        request.body = body
        request.headers.update({**headers, NUMBER: question.number})
        if body is not None:
            request.headers["Content-Length"] = str(len(body))
        if not self._repeats_numbers:
            request.headers["Connection"] = "close"
        return request

    def _read(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(64 * 1024):
            body += chunk
            if len(body) > ANSWER_BYTES:
                raise AnswerTooLarge(f"{self._address.name} answers with more than {ANSWER_BYTES:,} bytes")
        return bytes(body)


def _say_failure(address: ServiceAddress, error: BaseException) -> str:
    """Say in words what failed. The libraries' own messages may quote the URL or a header, so none is used."""
    causes = list(_causes(error))
    if unverified := _first(causes, ssl.SSLCertVerificationError):
        roots = f"those in {address.ca}" if address.ca else "the usual ones, ca= names others"
        why = unverified.verify_message
        return f"cannot be asked: its TLS certificate does not verify ({why}; trusted roots: {roots})"
    if tls := _first(causes, ssl.SSLError):
        return f"cannot be asked: TLS failed ({tls.reason or 'no reason given'})"
    if _first(causes, requests.exceptions.SSLError):
        return (
            "cannot be asked: TLS is not set up: check the files of ca=, certificate= and key=, none may be encrypted"
        )
    if _first(causes, NameResolutionError):
        return "cannot be asked: its host name does not resolve"
    if _first(causes, requests.ConnectTimeout) and not _first(causes, ConnectionError):
        return f"cannot be asked: no connection within {CONNECT_SECONDS:.0f} s"
    if _first(causes, TimeoutError):
        return "is too slow: it stopped sending before its answer was complete"
    # The errors of requests are OSErrors, too, but without the system's message.
    for failed in causes:
        if isinstance(failed, OSError) and failed.strerror:
            return f"cannot be asked: {failed.strerror.lower()}"
    if _first(causes, requests.exceptions.ContentDecodingError):
        return "answers with a body that does not decode"
    if _first(causes, requests.exceptions.ChunkedEncodingError):
        return "cut its answer short"
    if _first(causes, requests.ConnectionError):
        return "closed the connection, or sent what is not HTTP, instead of an answer"
    if isinstance(error, requests.RequestException):
        return f"cannot be asked ({type(error).__name__})"
    return "cannot be asked: a file that ca=, certificate= or key= names does not exist"


def _first(causes: Sequence[BaseException], kind: type[_Error]) -> _Error | None:
    return next((cause for cause in causes if isinstance(cause, kind)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those inside it; requests and urllib3 put them in arguments, `reason`, cause and context."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if not isinstance(cause, BaseException) or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__]
