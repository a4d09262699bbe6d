"""A sighting: one file seen at one URL at one time, as digests and facts of the answer."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from orbweaver.model.identity import case_id_for
from orbweaver.model.nouns import Md5, Noun, Published, Sha1, Sha256
from orbweaver.model.times import Moment
from pydantic import Field


class DigestSet(Noun):
    """MD5, SHA-1, SHA-256 in lower-case hex and size in bytes of one decoded body."""

    md5: Md5
    sha1: Sha1
    sha256: Sha256
    size: int = Field(ge=0)

    @property
    def is_degenerate(self) -> bool:
        """Whether the digests say nothing about content: the empty file is in public sample lists."""
        return self.size == 0


class TlsFacts(Published):
    """The facts that are known of a host's certificate."""

    is_verified: bool
    """Whether the certificate is valid for this host."""
    reason: str | None = None
    """Why it is not, in the words of OpenSSL; null when it is."""
    certificate_sha256: Sha256 | None = None
    """The SHA-256 of the certificate in its DER form."""


class HttpFacts(Published):
    """The server's answer, as evidence."""

    status: int
    """The HTTP status of the answer."""
    headers: dict[str, str] = {}
    """The headers of note, names in lower case, values cut after 200 characters."""
    framing: Literal["length", "chunked", "close"] = "length"
    """How the end of the body was known; after `close` a cut body cannot be told from a whole one."""
    bytes_received: int | None = None
    """The body's size on the wire, in bytes, before its Content-Encoding was undone."""
    embedded: bool = False
    """Whether the file is inside a page, as a data: URI, or in a mail or saved page; the URL is that one's."""
    archive_member: str | None = None
    """The path of the file inside the archive that the URL leads to; null for a file that is not in an archive."""
    tls: TlsFacts | None = None
    """The facts that are known of the host's certificate; null without TLS."""
    is_refused_by_robots: bool = False
    """Whether robots.txt refuses the URL, and it was fetched under a named authority."""
    spelling: str | None = Field(default=None, max_length=65_536)
    """Path and query of `url` as they were sent, where its canonical form is another."""
    hashed_at: Moment | None = None
    """When the bytes of the file were received and hashed, where the host has only said since (304) that the file has
    not changed; null when that was when the file was seen."""


# Of the way to one file. A recrawl follows 20 redirects, and passes 3 gates.
MOST_REDIRECTS_RECORDED: Final = 32
# Of all its URLs together: a host can make each as long as a URL may be, for each of its files.
MOST_REDIRECT_CHARACTERS: Final = 16_384


class Redirect(Published):
    """One URL on the way to a file whose answer sent the visitor on to the next."""

    url: str
    """The URL, exact and in canonical form; only its host where `is_cut`."""
    status: int
    """The HTTP status of its answer; 200 of a page that does nothing but send on, and of a gate that was passed."""
    is_cut: bool = False
    """Whether only the host of the URL is said, because the URLs of the way are longer than 16,384 characters."""


class Sighting(Noun):
    """One file seen at one URL at one time: digests and HTTP facts, no content.

    `redirects` are the URLs that led from `url` to `final_url`, without that one; None where that is not recorded.
    `received_at` is when the first of its reports was received. `software` and `sandbox` say which release fetched the
    file, and what the kernel enforced on its process. The worker adds these three (queue/records/provenance.py).
    """

    url: str
    final_url: str
    redirects: Annotated[tuple[Redirect, ...], Field(max_length=MOST_REDIRECTS_RECORDED)] | None = None
    host: str
    ip: str | None = None
    referrer: str | None = None
    report_ids: tuple[str, ...] = ()
    digests: DigestSet
    content_type: str | None = None
    sniffed_type: str | None = None
    http: HttpFacts
    seen_at: Moment
    received_at: Moment | None = None
    software: str | None = None
    sandbox: str | None = None

    @property
    def sighting_id(self) -> str:
        """The same file at the same URL has the same id, so a repeated recrawl step counts it once."""
        return str(case_id_for(self.url, self.digests.sha256))
