"""The three digests are hashlib's, for any chunking."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.digests import Digester, digests_of


@given(chunks=st.lists(st.binary(max_size=300), max_size=20))
def test_any_chunking_gives_hashlibs_digests_and_the_size(chunks: list[bytes]) -> None:
    digester = Digester()
    for chunk in chunks:
        digester.update(chunk)
    whole = b"".join(chunks)
    digests = digester.digest_set()
    assert digests.md5 == hashlib.md5(whole).hexdigest()
    assert digests.sha1 == hashlib.sha1(whole).hexdigest()
    assert digests.sha256 == hashlib.sha256(whole).hexdigest()
    assert digests.size == len(whole)
    assert digests == digests_of(whole)


def test_the_empty_file_is_degenerate_and_one_byte_is_not() -> None:
    assert digests_of(b"").is_degenerate
    assert not digests_of(b"\0").is_degenerate
