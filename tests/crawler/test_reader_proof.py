"""A platform on which a reader finds less than is there fails the recrawl, which never looks like a clean host."""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from builders import an_order
from contained import run
from orbweaver.console.terminal.doctor.examination import examine
from orbweaver.crawler import crawl_process, reader_proof
from orbweaver.crawler.crawl_messages import Contained, CrawlMessage, GivenUp
from orbweaver.crawler.errors import ReadersWrong
from orbweaver.crawler.links import encodings, fixed_documents, http_headers, xml_tags
from orbweaver.crawler.links.encodings import DecodedText
from orbweaver.crawler.links.pages import attribute_values, html, markup
from orbweaver.crawler.rules import urls
from orbweaver.crawler.visiting.addresses import dedup_key
from orbweaver.queue.fleet.workers import preload
from orbweaver.settings import Settings

# As Python 3.11.2 reads `(?:ab?c)*+`: what is there is not found.
FINDS_NOTHING = re.compile("(?!)")
# And as it reads `(?:a%[0-9])*+` with fullmatch: what does not fit is taken.
TAKES_ANYTHING = re.compile(".*", re.DOTALL)
FINDS_NO_BYTES = re.compile(b"(?!)")


def test_what_is_in_the_samples_is_found_here() -> None:
    reader_proof.prove()


def test_every_number_up_to_the_last_is_in_the_html_sample_once() -> None:
    [sample, *_] = fixed_documents.DOCUMENTS
    for kind, most in (("page", sample.pages), ("file", sample.files)):
        names = set(re.findall(rf"{kind}(?:-|&#45;|\\2d )(\d+)", sample.body.decode()))
        assert names == {str(number) for number in range(1, most + 1)}


def a_decompressor_that_fails(*_: Any) -> Any:
    raise zlib.error("of this platform")


@pytest.mark.parametrize(
    ("module", "name", "instead", "subject"),
    [
        (markup, "_TOKEN", FINDS_NOTHING, r"links of a document \(html\)"),
        (markup, "_ATTRIBUTES", FINDS_NOTHING, r"links of a document \(html\)"),
        (markup, "_ONE_ATTRIBUTE", FINDS_NOTHING, r"links of a document \(html\)"),
        (markup, "_REFERENCE", FINDS_NOTHING, r"links of a document \(html\)"),
        (attribute_values, "_CSS_REFERENCE", FINDS_NOTHING, r"links of a document \(html\)"),
        (attribute_values, "_IMAGE_SET", FINDS_NOTHING, r"links of a document \(html\)"),
        (attribute_values, "_SRCSET_URL", FINDS_NOTHING, r"links of a document \(html\)"),
        (attribute_values, "_PERCENT_ENCODED", FINDS_NO_BYTES, "embedded files"),
        (encodings, "read_bom", lambda _: (None, None), "documents in other encodings"),
        (xml_tags, "_TOKEN", FINDS_NOTHING, r"links of a document \(sitemap\)"),
        (xml_tags, "_ATTRIBUTE", FINDS_NOTHING, r"links of a document \(sitemap\)"),
        (http_headers, "_LINK", FINDS_NOTHING, "links in headers"),
        (urls, "_CANONICAL", TAKES_ANYTHING, "URLs"),
        (dedup_key, "key", lambda _: "the same", "which URLs were seen"),
        (hashlib, "sha1", hashlib.md5, "digests"),
        (zlib, "decompressobj", a_decompressor_that_fails, "bodies sent as gzip"),
    ],
)
def test_a_platform_that_reads_wrongly_is_noticed(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, instead: Any, subject: str
) -> None:
    monkeypatch.setattr(module, name, instead)
    with pytest.raises(ReadersWrong, match=subject):
        reader_proof.prove()


def test_a_few_readers_are_named_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "decode", lambda *_: DecodedText("", None))
    monkeypatch.setattr(markup, "_TOKEN", FINDS_NOTHING)
    with pytest.raises(ReadersWrong, match=r"\(html\), .*, .* and \d more\), so a file"):
        reader_proof.prove()


def test_doctor_says_that_the_readers_are_right_or_which_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    def line() -> tuple[str, str]:
        check = next(one for one in examine(Settings()) if one.subject == "readers")
        return check.state, check.finding

    assert line()[0] == "ok"
    monkeypatch.setattr(markup, "_TOKEN", FINDS_NOTHING)
    state, said = line()
    assert state == "fail"
    assert "links of a document (html)" in said


# --- in a crawl process ---


def crawl_with_a_wrong_reader() -> list[CrawlMessage]:
    markup._TOKEN = FINDS_NOTHING
    preload.prove_readers()  # as a worker on such a platform does
    order = an_order()
    with crawl_process.CrawlProcess(order.scope, order.reports, Settings()) as said:
        return list(said)


def prove_in_the_sandbox(*, needs: Callable[[], object]) -> str:
    samples_read = reader_proof.read_samples

    def read_samples() -> None:
        needs()
        samples_read()

    reader_proof.read_samples = read_samples
    preload.prove_readers()
    try:
        reader_proof.read_samples = a_decompressor_that_fails  # not to be called again by who inherits the proof
        reader_proof.prove()
    except zlib.error:
        return "to be proven"
    return "proven"


def prove_what_needs(refused: bool) -> str:
    return prove_in_the_sandbox(needs=(lambda: os.close(os.memfd_create("a"))) if refused else os.getpid)


@pytest.mark.parametrize(("refused", "said"), [(False, "proven"), (True, "to be proven")])
def test_crawl_processes_inherit_the_proof_of_readers_that_work_in_the_sandbox(refused: bool, said: str) -> None:
    assert run(prove_what_needs, refused) == said


def test_a_recrawl_whose_links_are_read_wrongly_is_given_up_before_its_first_request() -> None:
    contained, last = run(crawl_with_a_wrong_reader)
    assert isinstance(contained, Contained)
    assert isinstance(last, GivenUp)
    assert "reads fixed samples wrongly (links of a document (html)" in last.reason
    assert "use another Python" in last.reason
