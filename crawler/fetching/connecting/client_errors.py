"""Names the errors of aiohttp and of the system in Scrapy's documented terms and in ours."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence

import aiohttp
from orbweaver.crawler.errors import EgressRefused
from orbweaver.crawler.transfer_errors import BadResponse, BodyCut, ConnectionLost, Interrupted, NoSuchName
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    UnsupportedURLSchemeError,
)


def named_error(error: Exception, refusals: Sequence[EgressRefused], *, is_ended: bool) -> Exception:
    """Return the error that a transfer raises for one of aiohttp or the system; the messages name no body bytes.

    `refusals` are those of the egress guard during this transfer: a connector that tries several addresses folds them
    into one plain OSError. `is_ended` says that the recrawl is stopping, which ends transfers by their deadline.
    """
    if isinstance(error, EgressRefused):
        return error  # before the connector was asked; it is an OSError as well
    if isinstance(error, TimeoutError):
        if is_ended:
            return Interrupted("the recrawl is stopping")
        return DownloadTimeoutError("no answer, or too long a silence inside it")
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return UnsupportedURLSchemeError("this URL cannot be requested")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        # NXDOMAIN. A server that fails or is silent is EAI_AGAIN, a name without an address EAI_NODATA.
        if isinstance(error.os_error, socket.gaierror) and error.os_error.errno == socket.EAI_NONAME:
            return NoSuchName(f"the name does not exist: {_in_words(error.os_error)}")
        return CannotResolveHostError(f"the name does not resolve: {_in_words(error.os_error)}")
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return DownloadConnectionRefusedError("no TLS connection: the server speaks no TLS on this port")
    if isinstance(error, aiohttp.ClientConnectorError):
        if refusals:
            return refusals[0]
        if error.os_error.errno in {errno.EACCES, errno.EPERM}:
            return EgressRefused(f"{error.host}:{error.port}", "the sandbox does not allow this port")
        return DownloadConnectionRefusedError(f"no connection: {_in_words(error.os_error)}")
    if isinstance(error, aiohttp.ClientPayloadError):
        return BodyCut("the body ended before its declared end")
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.http_exceptions.HttpProcessingError):
        # The error's own text quotes what the server sent: body bytes must not reach a record.
        return BadResponse(f"not an HTTP answer that can be read ({type(error).__name__})")
    if isinstance(error, aiohttp.ClientError | OSError):
        return ConnectionLost(f"the connection was lost ({type(error).__name__})")
    return error


def _in_words(error: OSError) -> str:
    """Return the system's words for an error, or its class: never text that a server could have written."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or type(error).__name__
