"""Proves, before a recrawl, that this platform reads as it must: a reader that finds nothing looks like a clean host.

Everything that decides whether a file is found, hashed and recorded reads fixed samples, of which it is known what is
in them: documents, encodings, digests, archives, URLs and rules. It takes about a millisecond, and touches memory that
many recrawls need for nothing else. So a worker has it done once, contained, and its crawl processes inherit the proof.
"""

from __future__ import annotations

import base64
import platform
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

from orbweaver.crawler.bodies.archives.archive_limits import ArchiveLimits
from orbweaver.crawler.bodies.archives.archive_reader import ArchiveReader
from orbweaver.crawler.bodies.decoding import decoder_for
from orbweaver.crawler.bodies.digests import DirectDigester, digests_of
from orbweaver.crawler.bodies.document_kinds import recognise
from orbweaver.crawler.bodies.sniff import sniff
from orbweaver.crawler.errors import ReadersWrong, UrlRefused
from orbweaver.crawler.link_kind import LinkKind
from orbweaver.crawler.links import fixed_documents as fixed
from orbweaver.crawler.links.documents import references
from orbweaver.crawler.links.found_links import Link, PageLinks
from orbweaver.crawler.links.http_headers import header_links
from orbweaver.crawler.links.pages.attribute_values import DataUri
from orbweaver.crawler.links.pages.html import extract
from orbweaver.crawler.rules import robots, url_rules
from orbweaver.crawler.rules.scope import scope_for
from orbweaver.crawler.rules.url_rules import ReachedUrl
from orbweaver.crawler.rules.urls import join
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.crawler.visiting.addresses.seen_urls import SeenUrls
from orbweaver.model import DigestSet, Limits, ScopeKind

_MOST_NAMED: Final = 3
_NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)


# Of this process, and of what it forks: they have the same modules.
_is_proven = False


def note(*, is_proven: bool) -> None:
    """Note whether the readers of this process were proven to work in the sandbox: then its forks need not do it."""
    global _is_proven  # noqa: PLW0603 - a fact about the process
    _is_proven = is_proven


def prove() -> None:
    """Read every sample, unless it was done; raises ReadersWrong with what was read wrongly."""
    if not _is_proven:
        read_samples()


def read_samples() -> None:
    """Read every sample; raises ReadersWrong with what was read wrongly."""
    wrong = tuple(dict.fromkeys(_wrong()))
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise ReadersWrong(
            f"Python {platform.python_version()} with the packages installed here reads fixed samples wrongly"
            f" ({', '.join(wrong[:_MOST_NAMED])}{more}), so a file that it does not find may be there:"
            " use another Python, and install Orbweaver with its pinned packages again"
        )


def _wrong() -> Iterator[str]:
    """Yield the subjects that are read wrongly."""
    for subject, is_right in _PROOFS:
        try:
            right = is_right()
        except Exception:  # noqa: BLE001 - on a platform that is wrong anything may be raised
            right = False
        if not right:
            yield subject


# --- documents ---


def _reads_document(document: fixed.FixedDocument) -> bool:
    recognised = recognise(document.declared, sniff(document.body), document.body)
    found = references(document.body, document.kind, content_type=document.declared, base_url=fixed.PAGE_URL)
    expected = {("page", f"page-{number}") for number in range(1, document.pages + 1)}
    expected |= {("file", f"file-{number}") for number in range(1, document.files + 1)}
    return recognised is not None and recognised.kind is document.kind and _names(found) == expected


def _names(found: PageLinks) -> set[tuple[str, str]]:
    return {(link.kind.value, link.reference.rpartition("/")[2].partition("#")[0]) for link in found.links}


def _reads_base_and_embedded_files() -> bool:
    found = extract(fixed.HTML.encode(), content_type="text/html", base_url=fixed.PAGE_URL)
    return found.base == fixed.BASE_OF_HTML and found.data_uris == tuple(
        DataUri(*file) for file in fixed.FILES_INSIDE_HTML
    )


def _reads_other_encodings() -> bool:
    return all(
        _names(extract(body, content_type=declared, base_url=fixed.PAGE_URL)) == {("page", "page-1")}
        for declared, body in fixed.IN_OTHER_ENCODINGS
    )


def _reads_headers() -> bool:
    found = header_links(link=['<a,b>; rel="next"; title="x, <y>", <c>; rel=icon'], refresh="0; url=d")
    return found == (Link("d", LinkKind.PAGE), Link("a,b", LinkKind.PAGE), Link("c", LinkKind.FILE))


# --- bodies ---


def _hashes() -> bool:
    for body, digests in fixed.DIGESTS.items():
        digester = DirectDigester()
        for start in range(0, len(body), 9):
            digester.update(body[start : start + 9])
        found = digester.digest_set()
        if (found.md5, found.sha1, found.sha256, found.size) != (*digests, len(body)):
            return False
    return True


def _decodes(encoding: str) -> bool:
    decoder = decoder_for(encoding)
    body = b"".join(decoder.feed(bytes.fromhex(fixed.ENCODED[encoding])))
    return body == fixed.ENCODED_BODY and decoder.is_finished


def _reads_archives() -> bool:
    return _members(fixed.ARCHIVE) == _MEMBERS


def _reads_tar(packed: str) -> bool:
    """Whether the members are found in a packed TAR archive, which is a file inside the packed one itself."""
    return _members(packed)[:-1] == _MEMBERS


_MEMBERS: Final = [(path, digests_of(body)) for path, body in fixed.ARCHIVE_MEMBERS]


def _members(archive: str) -> list[tuple[str, DigestSet]]:
    reader = ArchiveReader(ArchiveLimits())
    reader.feed(base64.b85decode(archive))
    reader.finish()
    return [(member.path, member.digests) for member in reader.contents().members]


# --- URLs and what is decided about them ---


def _reads_urls() -> bool:
    return all(_joined(reference) == url for reference, url in fixed.JOINED.items())


def _joined(reference: str) -> str | None:
    try:
        return join(fixed.PAGE_URL, reference)
    except UrlRefused:
        return None


def _decides() -> bool:
    scope = scope_for(ScopeKind.HOST, fixed.PAGE_URL, Limits())
    return all(
        url_rules.decide(scope, ReachedUrl(url, LinkKind.FILE), now=_NOW).rule == rule
        for url, rule in fixed.DECIDED.items()
    )


def _tells_urls_apart() -> bool:
    seen = SeenUrls()
    return all(seen.add(dedup_key.key(f"http://fixed.example/{path}")) is is_new for path, is_new in fixed.MET.items())


def _obeys_robots() -> bool:
    host = robots.judge(200, fixed.ROBOTS)
    asked = (("orbweaver", "a"), ("orbweaver", "private/a"), ("orbweaver", "private/open"), ("other", "a"))
    allowed = [host.allows(f"http://fixed.example/{path}", agent) for agent, path in asked]
    return allowed == [True, False, True, False]


def _document_proof(document: fixed.FixedDocument) -> Callable[[], bool]:
    return lambda: _reads_document(document)


def _encoding_proof(encoding: str) -> Callable[[], bool]:
    return lambda: _decodes(encoding)


def _tar_proof(packed: str) -> Callable[[], bool]:
    return lambda: _reads_tar(packed)


_PROOFS: Final[tuple[tuple[str, Callable[[], bool]], ...]] = (
    *((f"links of a document ({document.kind})", _document_proof(document)) for document in fixed.DOCUMENTS),
    ("base and embedded files of a document", _reads_base_and_embedded_files),
    ("documents in other encodings", _reads_other_encodings),
    ("links in headers", _reads_headers),
    ("digests", _hashes),
    *((f"bodies sent as {encoding}", _encoding_proof(encoding)) for encoding in fixed.ENCODED),
    ("ZIP archives", _reads_archives),
    *((f"TAR archives in {kind}", _tar_proof(packed)) for kind, packed in fixed.PACKED_TAR.items()),
    ("URLs", _reads_urls),
    ("rules for URLs", _decides),
    ("which URLs were seen", _tells_urls_apart),
    ("robots.txt", _obeys_robots),
)
