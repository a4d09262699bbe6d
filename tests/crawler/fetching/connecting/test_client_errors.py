"""Each error of the HTTP client has a name that says whether to try again, and quotes nothing of the server."""

from __future__ import annotations

import errno
import socket
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey
from multidict import CIMultiDict, CIMultiDictProxy
from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.fetching.connecting.client_errors import named_error
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, ConnectionLost, Interrupted, NoSuchName
from scrapy import exceptions
from yarl import URL

QUOTED = "<bytes of a body>"
KEY = ConnectionKey("host.example", 80, False, True, None, None, None)
REQUEST = aiohttp.RequestInfo(URL("http://host.example/"), "GET", CIMultiDictProxy(CIMultiDict()))
REFUSED = OSError(errno.ECONNREFUSED, QUOTED)
REFUSAL = EgressRefused("10.0.0.1", "private")


@pytest.mark.parametrize(
    ("error", "name", "said"),
    [
        (TimeoutError(QUOTED), exceptions.DownloadTimeoutError, "no answer"),
        (aiohttp.ServerTimeoutError(QUOTED), exceptions.DownloadTimeoutError, "no answer"),
        (aiohttp.InvalidURL(QUOTED), exceptions.UnsupportedURLSchemeError, "cannot be requested"),
        (aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "Name not known")), exceptions.CannotResolveHostError, "not"),
        (aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_NONAME, "a")), NoSuchName, "does not exist"),
        (
            aiohttp.ClientConnectorDNSError(KEY, socket.gaierror(socket.EAI_AGAIN, "a")),
            exceptions.CannotResolveHostError,
            "does not resolve",
        ),
        (
            aiohttp.ClientConnectorSSLError(KEY, ssl.SSLError(1, QUOTED)),
            exceptions.DownloadConnectionRefusedError,
            "speaks no TLS",
        ),
        (aiohttp.ClientConnectorError(KEY, REFUSED), exceptions.DownloadConnectionRefusedError, "Connection refused"),
        (aiohttp.ClientConnectorError(KEY, OSError(errno.EACCES, QUOTED)), EgressRefused, "sandbox"),
        (aiohttp.ClientPayloadError(QUOTED), BodyCut, "before its declared end"),
        (aiohttp.ClientResponseError(REQUEST, (), message=QUOTED), BadResponse, "ClientResponseError"),
        (aiohttp.http_exceptions.BadHttpMessage(QUOTED), BadResponse, "BadHttpMessage"),
        (aiohttp.ServerDisconnectedError(QUOTED), ConnectionLost, "ServerDisconnectedError"),
        (ConnectionResetError(errno.ECONNRESET, QUOTED), ConnectionLost, "ConnectionResetError"),
        (REFUSAL, EgressRefused, "private"),
    ],
)
def test_an_error_has_a_name_and_quotes_nothing(error: Exception, name: type[Exception], said: str) -> None:
    named = named_error(error, [], is_ended=False)

    assert type(named) is name
    assert said in str(named)
    assert QUOTED not in str(named)


def test_a_refusal_by_the_guard_goes_before_what_its_connector_says() -> None:
    assert named_error(aiohttp.ClientConnectorError(KEY, REFUSED), [REFUSAL], is_ended=False) is REFUSAL


def test_a_deadline_that_comes_because_the_recrawl_stops_is_an_interruption() -> None:
    assert type(named_error(TimeoutError(), [], is_ended=True)) is Interrupted


def test_what_is_no_error_of_the_client_stays_as_it_is() -> None:
    error = ValueError("a bug")
    assert named_error(error, [], is_ended=False) is error
