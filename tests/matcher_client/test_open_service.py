"""A matcher URL opens the service that it names."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from orbweaver.matcher_client.errors import MatcherError, UnknownService
from orbweaver.matcher_client.lists.build import build
from orbweaver.matcher_client.open_service import open_service
from orbweaver.model import DigestSet

DIGESTS = DigestSet(md5="0" * 31 + "1", sha1="0" * 39 + "1", sha256=random.Random(1).randbytes(32).hex(), size=1)


@pytest.mark.parametrize("form", ["hashlist:{}", "HashList:{}", "hashlist://{}", " hashlist:{}\n"])
def test_a_hash_list_url_opens_the_list_at_its_path(tmp_path: Path, form: str) -> None:
    (tmp_path / "bare.txt").write_text(DIGESTS.sha256)
    build([tmp_path / "bare.txt"], tmp_path / "list.hashes")
    service = open_service(form.format(tmp_path / "list.hashes"))
    assert [verdict.result for verdict in service.lookup([DIGESTS])] == ["match"]
    service.close()


def test_a_relative_path_is_relative_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bare.txt").write_text(DIGESTS.sha256)
    build([tmp_path / "bare.txt"], tmp_path / "list.hashes")
    monkeypatch.chdir(tmp_path)
    assert open_service("hashlist:list.hashes").health().is_healthy


def test_a_missing_list_is_no_error_before_it_is_asked(tmp_path: Path) -> None:
    health = open_service(f"hashlist:{tmp_path}/missing").health()
    assert not health.is_healthy
    assert "missing" in str(health.reason)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("gopher://host/list", r"has the unknown scheme 'gopher': use one of .*hashlist:"),
        ("/path/list.hashes", r"has no scheme: use one of .*hashlist:"),
        ("", "has no scheme"),
        ("hashlist:", "has no path: write hashlist:/path/to/list.hashes"),
    ],
)
def test_a_url_of_no_service_is_refused_and_the_known_ones_are_named(url: str, complaint: str) -> None:
    with pytest.raises(UnknownService, match=complaint):
        open_service(url)


def test_a_password_in_a_url_is_not_repeated() -> None:
    with pytest.raises(MatcherError) as caught:
        open_service("ftp://analyst:secret@host/")
    assert "secret" not in str(caught.value)
