"""The errors of a recrawl, one class for each thing that a caller does differently.

CrawlError
├── UrlRefused              the text is no URL that we fetch; `reason` says why in one clause
├── EgressRefused           the address may not be connected to (also an OSError, EACCES)
├── AccessRefused           a text cannot be sent to a host, or is no proxy; `reason` says why in one clause
├── NetworkRefused          a text of ALLOW_ADDRESSES or NAT64_PREFIXES is not an address range
├── SandboxUnavailable      the kernel cannot promise what section 7 of the design asks for
├── ReadersWrong            this platform reads fixed samples wrongly; what it finds, or not, cannot be believed
├── RobotsRefused           robots.txt keeps us out, and the scope's access profile says to obey
├── CrawlDied               the crawl process ended before its recrawl did; it must be done again
├── MessageRefused          what a crawl process said cannot be true; it may have been taken over
├── CheckpointRefused       what an earlier slice left cannot be true; the recrawl begins anew
├── NotRecorded             what was found could not be stored; the recrawl must be done again

and in transfer_errors.py, which needs Scrapy:
├── BodyCut                 the body ended early, so its digests would be wrong (Scrapy: ResponseDataLossError)
├── NoSuchName          the name of the host does not exist (Scrapy: CannotResolveHostError)
├── ConnectionLost          the connection broke before the answer was whole (Scrapy: DownloadFailedError)
├── BadResponse             what came is not HTTP, or not what its headers say (Scrapy: DownloadFailedError)
└── TransferEnded           we ended the transfer ourselves (Scrapy: DownloadCancelledError, never retried)
    ├── BodyTooLarge        more bytes than a file, or the recrawl, may have
    ├── TransferTooSlow     slower than the lowest rate asked after the grace period
    ├── PartSent            a part of the file was sent although the whole was asked for
    └── Interrupted         the recrawl was told to stop, or its time was over

LimitReached                a limit of the recrawl, or of a host, is spent (Scrapy: IgnoreRequest); it is in
                            transfer_errors.py, too, and no CrawlError, because no host and no file is at fault

Inside crawler.bodies, which lets none of them out:
UndecodableBody             a body is not what its Content-Encoding says; its transfer fails with BadResponse
MemberDamaged               a member of an archive is not what its header says; the archive is read on
"""

from __future__ import annotations

import errno


class CrawlError(Exception):
    """Base of everything that the crawler raises on purpose."""


class UrlRefused(CrawlError):
    """A text is not a URL that we fetch.

    `reason` is one clause without the URL in it, so that it can be shown and counted.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class EgressRefused(CrawlError, OSError):
    """A connection to `address` was refused by `rule`, before its first packet.

    It is an OSError because it is raised inside an HTTP client's connector, which handles only those;
    EACCES is what a firewall on this machine would have answered.
    """

    def __init__(self, address: str, rule: str) -> None:
        super().__init__(errno.EACCES, f"address {address} refused: {rule}")
        self.address = address
        self.rule = rule

    def __str__(self) -> str:
        return f"address {self.address} refused: {self.rule}"

    def __reduce__(self) -> tuple[type[EgressRefused], tuple[str, str]]:
        # OSError would be rebuilt from (errno, text), which are not this class's arguments.
        return (type(self), (self.address, self.rule))


class AccessRefused(CrawlError, ValueError):
    """A text cannot be sent to a host, or names no proxy that can be used.

    `reason` is one clause without the text in it: cookies and proxies are secrets.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NetworkRefused(CrawlError, ValueError):
    """A text is not an address range."""


class SandboxUnavailable(CrawlError):
    """The sandbox could not be entered, or not fully; the message says what is missing."""


class ReadersWrong(CrawlError):
    """A reader did not find what is in a fixed sample; the message says which, and what to do."""


class RobotsRefused(CrawlError):
    """The host's robots.txt keeps us from a URL; the message says how."""


class CrawlDied(CrawlError):
    """The crawl process ended, or something in it went wrong, before the recrawl came to its end."""


class MessageRefused(CrawlError):
    """A crawl process said what cannot be true of its recrawl; the message says what kind of thing, not what."""


class CheckpointRefused(CrawlError):
    """A checkpoint of an earlier slice cannot be true of this recrawl; the message says of which kind the fault is."""


class NotRecorded(CrawlError):
    """Sightings or skipped URLs could not be stored; the recrawl must be done again."""


class UndecodableBody(Exception):
    """A body is not what its Content-Encoding says, or has an encoding that we do not know."""


class MemberDamaged(Exception):
    """The data of an archive's member is not what its header says."""
