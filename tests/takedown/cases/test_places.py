"""Some parameters of a URL are no part of the place of its file: a table of them, and rules that hold for any URL."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from orbweaver.crawler.rules import urls
from orbweaver.takedown.cases.places import place_of

ROOT = "https://files.example"
HEX = "0123456789abcdef0123456789abcdef"
AWS = (
    f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20260301%2Feu%2Fs3%2Faws4_request&X-Amz-Date=20260301T120000Z"
    f"&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={HEX}"
)
AZURE = "sv=2024-11-04&se=2026-03-01T12%3A15%3A00Z&sr=b&sp=r&sig=abc%2Bdef%3D"
NOW = "1772366400"

SHORTENED = {
    "a token and a time": ("/a.jpg?ts=1772366400&token=5f2b", "/a.jpg", {"ts": "time", "token": "token"}),
    "they stand between others": ("/a.jpg?w=1&token=5f2b&h=2", "/a.jpg?w=1&h=2", {"token": "token"}),
    "names in any case": ("/a.jpg?Token=5f2b&TS=1772366400", "/a.jpg", {"token": "token", "ts": "time"}),
    "an id names the file": (f"/dl.php?id=7&token=5f2b&ts={NOW}", "/dl.php?id=7", {"token": "token", "ts": "time"}),
    "milliseconds": (f"/a.jpg?t={NOW}123", "/a.jpg", {"t": "time"}),
    "a date and time": ("/a.jpg?expires=2026-03-01T12:00:00Z", "/a.jpg", {"expires": "time"}),
    "a name without an extension": ("/f/x7Gh2?auth=5f2b", "/f/x7Gh2", {"auth": "token"}),
    "a time beside a token that may name the file": (
        f"/dl.php?token=5f2b&ts={NOW}",
        "/dl.php?token=5f2b",
        {"ts": "time"},
    ),
    "a cache buster": (f"/a.jpg?_={NOW}123", "/a.jpg", {"_": "cache_buster"}),
    "a random number": ("/a.jpg?rand=0.8347563", "/a.jpg", {"rand": "cache_buster"}),
    "a PHP session": ("/view.php?id=7&PHPSESSID=0a1b2c3d4e5f6a7b8c9d", "/view.php?id=7", {"phpsessid": "session"}),
    "a servlet's session": (
        "/view;jsessionid=0123456789ABCDEF.node1?id=7",
        "/view?id=7",
        {"jsessionid": "session"},
    ),
    "an ASP.NET session": ("/(S(0a1b2c3d4e5f6a7b8c9d0a1b))/a.jpg", "/a.jpg", {"session": "session"}),
    "an ASP session": ("/a.jpg?ASPSESSIONIDQAQBTRSB=ABCDEFGH", "/a.jpg", {"aspsessionidqaqbtrsb": "session"}),
    "a phpBB session": (f"/view.php?id=7&sid={HEX}", "/view.php?id=7", {"sid": "session"}),
    "AWS version 4": (
        f"/bucket/key?{AWS}",
        "/bucket/key",
        {
            f"x-amz-{name}": "signature"
            for name in ("algorithm", "credential", "date", "expires", "signedheaders", "signature")
        },
    ),
    "AWS version 2": (
        f"/key?AWSAccessKeyId=AK&Expires={NOW}&Signature=ab%2Bcd",
        "/key",
        dict.fromkeys(["awsaccesskeyid", "expires", "signature"], "signature"),
    ),
    "an AWS object's version stays": (
        f"/key?versionId=3&AWSAccessKeyId=AK&Expires={NOW}&Signature=ab",
        "/key?versionId=3",
        dict.fromkeys(["awsaccesskeyid", "expires", "signature"], "signature"),
    ),
    "CloudFront": (
        f"/v?Expires={NOW}&Signature=a~b&Key-Pair-Id=K1",
        "/v",
        dict.fromkeys(["expires", "signature", "key-pair-id"], "signature"),
    ),
    "CloudFront with a policy": (
        "/v?Policy=ey&Signature=a~b&Key-Pair-Id=K1",
        "/v",
        dict.fromkeys(["policy", "signature", "key-pair-id"], "signature"),
    ),
    "Google": (
        f"/b/o?X-Goog-Algorithm=G&X-Goog-Credential=c&X-Goog-Signature={HEX}",
        "/b/o",
        dict.fromkeys(["x-goog-algorithm", "x-goog-credential", "x-goog-signature"], "signature"),
    ),
    "Azure": (f"/c/blob?{AZURE}", "/c/blob", dict.fromkeys(["sv", "se", "sr", "sp", "sig"], "signature")),
    "an Azure snapshot stays": (
        f"/c/blob?snapshot=2026&{AZURE}",
        "/c/blob?snapshot=2026",
        dict.fromkeys(["sv", "se", "sr", "sp", "sig"], "signature"),
    ),
    "Akamai": (f"/v?hdnts=exp={NOW}~acl=/*~hmac={HEX}", "/v", {"hdnts": "signature"}),
    "nginx": (f"/a.mp4?md5=A_b-1234&expires={NOW}", "/a.mp4", {"md5": "signature", "expires": "time"}),
    "nginx, short names": (f"/a.mp4?st=A_b-1234&e={NOW}", "/a.mp4", {"st": "signature", "e": "time"}),
    "a hash and when it ends": (
        f"/a.mp4?validfrom={NOW}&validto={NOW}&hash=aB%2F12345",
        "/a.mp4",
        {"validfrom": "time", "validto": "time", "hash": "signature"},
    ),
    "a hash that names the file beside a time": (
        f"/view.php?hash={HEX}&expires={NOW}",
        f"/view.php?hash={HEX}",
        {"expires": "time"},
    ),
    "a random value of any name": ("/a.jpg?x=8f3a9c017be2d4f5", "/a.jpg", {"x": "random"}),
    "long base64 of any name": ("/a.jpg?x=Zk9xQ2pVd1h4R3b7", "/a.jpg", {"x": "random"}),
    "a JWT": ("/a.jpg?x=eyJhbGciOiJI.eyJzdWIiOiIx.c2ln", "/a.jpg", {"x": "token"}),
    "a UUID": ("/a.jpg?x=0b8f1c6e-3d0a-4c53-9a7e-5f1d2b3c4a59", "/a.jpg", {"x": "random"}),
    "milliseconds of any name": (f"/a.jpg?x={NOW}123", "/a.jpg", {"x": "time"}),
    "a time without a name": (f"/a.jpg?{NOW}", "/a.jpg", {"": "time"}),
}
UNCHANGED = {
    "no parameter": "/a.jpg",
    "an id": "/view.php?id=1",
    "an id alone that looks like a time": f"/view.php?id={NOW}",
    "a token alone that may name the file": "/view.php?token=5f2b",
    "a share's token": f"/share/?token={HEX}",
    "a token beside what names nothing": "/view.php?lang=en&token=5f2b",
    "a time that may name the file": f"/view.php?t={NOW}",
    "a place in a film": "/film.mp4?t=12",
    "a small number": "/a.jpg?ts=1",
    "a version": "/a.jpg?v=1772366400",
    "a hash": f"/a.jpg?hash={HEX}",
    "a story": "/view.php?id=7&sid=12",
    "a random value that may name the file": "/view.php?x=8f3a9c017be2d4f5",
    "a random value under a name of files": "/a.jpg?file=8f3a9c017be2d4f5",
    "words": "/a.jpg?x=Summer-Holiday-2024-Beach",
    "a long number": "/a.jpg?x=1772366400",
    "a word without a name": "/a.jpg?download",
    "a short random value": "/a.jpg?x=Zk9xQ2pVd1h4R3",
    "a session id that is short": "/a.jpg?PHPSESSID=12",
    "half of a signature": f"/view.php?X-Amz-Signature={HEX}",
    "one of Azure's names": "/a.jpg?sv=1&sp=r&se=2026",
    "an MD5 that may name the file": f"/dl.php?md5={HEX}&expires={NOW}",
    "a word in the path": "/a(1)/b;c=1/d.jpg",
    "an empty token": "/a.jpg?token=",
    "nothing between": "/a.jpg?&&",
    "the order of parameters": "/a.jpg?b=1&a=2",
    "whose picture it is": "/avatar.png?owner=8f3a9c017be2d4f5",
    "of which album it is": f"/cover.jpg?album={NOW}123",
    "a page that a program made": "/view.html?x=8f3a9c017be2d4f5&ts=1772366400",
    "a page whose token names the file": "/view.html?token=5f2b",
    "a version in the path": "/api/v1.2?x=8f3a9c017be2d4f5",
    "Discord's short names in a program's URL": "/view.php?ex=1&is=2&hm=3",
    "Meta's short names on a folder": "/gallery/?oh=1&oe=2",
}


@pytest.mark.parametrize(("url", "place", "left_out"), SHORTENED.values(), ids=SHORTENED)
def test_what_changes_from_visit_to_visit_is_left_out_with_its_reason(
    url: str, place: str, left_out: dict[str, str]
) -> None:
    found = place_of(ROOT + url)

    assert urls.canonicalise(ROOT + url) == ROOT + url, "the row is no canonical URL"
    assert (found.url, found.left_out) == (ROOT + place, left_out)


@pytest.mark.parametrize("url", UNCHANGED.values(), ids=UNCHANGED)
def test_everything_else_is_a_part_of_the_place(url: str) -> None:
    assert place_of(ROOT + url).model_dump() == {"url": ROOT + url, "left_out": {}}


names = st.sampled_from(
    [
        "id",
        "file",
        "v",
        "x",
        "hash",
        "rand",
        "lang",
        "w",
        "token",
        "sig",
        "ts",
        "expires",
        "t",
        "e",
        "st",
        "md5",
        "_",
        "sid",
    ]
    + ["PHPSESSID", "X-Amz-Signature", "X-Amz-Credential", "sv", "Signature", "Key-Pair-Id", "AWSAccessKeyId", "hdnts"]
)
values = st.sampled_from(
    ["", "Zk9xQ2pVd1h4R3b7", f"{NOW}123", "1", "2", "abc", HEX, NOW, "1772366999", "r", "exp=1~hmac=2"]
)
queries = st.lists(st.tuples(names, values), max_size=6)
paths = st.sampled_from(["/a.jpg", "/view.php", "/", "/f/x7Gh2", "/a;jsessionid=0123456789ABCDEF/b.jpg"])


def written(path: str, query: list[tuple[str, str]]) -> str:
    return ROOT + path + ("?" + "&".join(f"{name}={value}" for name, value in query) if query else "")


@given(paths, queries)
def test_a_place_is_a_canonical_url_with_the_rest_in_its_order_and_its_own_place(
    path: str, query: list[tuple[str, str]]
) -> None:
    place = place_of(written(path, query))
    kept = [(name, value) for name, value in query if f"{name}={value}" in place.url.partition("?")[2].split("&")]

    assert urls.canonicalise(place.url) == place.url
    assert place_of(place.url).url == place.url
    assert place.url == written(place_of(ROOT + path).url.removeprefix(ROOT), kept)
    assert bool(place.left_out) is (place.url != written(path, query))


@given(paths, queries, st.sampled_from(["id", "file", "v", "hash", "page", "lang"]), st.integers(0, 6))
def test_two_values_of_what_may_name_a_file_are_two_places(
    path: str, query: list[tuple[str, str]], name: str, where: int
) -> None:
    rest = [one for one in query if one[0] != name]
    first, second = (place_of(written(path, [*rest[:where], (name, value), *rest[where:]])) for value in ("A1", "A2"))

    assert first.url != second.url


@given(paths, queries)
def test_a_parameter_alone_in_a_programs_url_is_never_left_out(path: str, query: list[tuple[str, str]]) -> None:
    for name, value in query:
        place = place_of(written("/view.php", [(name, value)]))

        assert place.left_out == {} or set(place.left_out.values()) <= {"session", "signature"}
