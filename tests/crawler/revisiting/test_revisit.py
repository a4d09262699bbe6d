"""The files of a recrawl that the next one is told of."""

from __future__ import annotations

import pytest
from builders import NOON, digests_of
from orbweaver.crawler.revisiting import revisit
from orbweaver.crawler.revisiting.known_responses import KnownFile, KnownMember, KnownResponses
from orbweaver.crawler.revisiting.revisit import Revisit


def an_archive(name: str) -> KnownFile:
    member = KnownMember(path="a.bin", digests=digests_of(name.encode()))
    return KnownFile(
        url=f"http://h.test/{name}",
        manner="0" * 16,
        digests=digests_of(name.encode()),
        members=(member, member),
        hashed_at=NOON,
    )


def test_members_of_a_file_that_is_noted_twice_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revisit, "MOST_MEMBERS", 4)
    known = Revisit(KnownResponses())
    for name in ("one", "one", "one", "two", "three"):
        known.came(an_archive(name))
    assert [KnownFile.model_validate_json(one).url for one in known.remembered().files()] == [
        "http://h.test/one",
        "http://h.test/two",
    ]
