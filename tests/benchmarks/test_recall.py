"""The benchmark of recall: its sites are as their truth says, and a recrawl counts by the digests that it found."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.recall import results, scores
from bench.recall.real_pages import Folder
from bench.recall.server import PACKINGS, Playing, Seen
from bench.recall.site import Answer, Site, site
from bench.recall.sites import SITES
from bench.recall.task import SiteFindings

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.1.0.1:80"


def ask(played: Playing, path: str, host: str = HOST, **headers: str) -> tuple[int, bytes]:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    head, _, body = played.answer("\r\n".join(lines) + "\r\n\r\n").partition(b"\r\n\r\n")
    return int(head.split(b" ")[1][:3]), body


def test_there_are_enough_sites_and_each_is_one_of_its_name() -> None:
    assert len(SITES) >= 150
    assert [name for name, count in Counter(one.name for one in SITES).items() if count > 1] == []
    assert [one.name for one in SITES if not one.files or one.shown & one.more] == []


def served_by(one: Site) -> set[str]:
    """The labels of all files that a site hands out under some condition, and of those that are inside others."""
    own = {answer.file for answers in one.answers.values() for answer in answers if answer.file}
    members = {f"{path}!/{name}" for path, archive in one.archives.items() for name in archive.members}
    inside = {label for label in one.files if label.startswith("data:")}
    plain = {label for label in one.files if label.startswith("/") and "!/" not in label}
    return own | members | inside | plain


@pytest.mark.parametrize("kind", dict.fromkeys(one.kind for one in SITES))
def test_every_file_of_the_truth_is_there(kind: str) -> None:
    sites = [one for one in SITES if one.kind == kind]
    played = Playing(sites, 80)
    for number, one in enumerate(sites):
        host = f"127.1.{number // 250}.{number % 250 + 1}:80"
        assert one.files <= served_by(one), one.name
        for label in one.files:
            if label.startswith("/") and "!/" not in label and label not in one.answers:
                status, body = ask(played, label, host)
                assert status == 200, (one.name, label)
                assert label in one.archives or body == one.bytes_of(label)
        assert ask(played, one.start, host)[0] != 404, one.name


# Their addresses are made by a rule of the format, or written in an encoding or with escapes.
NOT_LEGIBLE = frozenset({
    "ampersand as \\u0026", "escapes", "sheet in UTF-16", "escaped parenthesis", "variable from the query",
    "DASH template by number", "DASH template with a width", "DASH by time", "Smooth Streaming",
    "SVG gzipped as a file", "query in windows-1252", "query in Shift_JIS", "query in windows-1251",
    "UTF-16 with a mark", "UTF-16 in the header", "UTF-16 in meta is UTF-8", "header before meta", "mark before header",
    "meta http-equiv", "EUC-JP", "x-user-defined and labels", "entities in an address",
})  # fmt: skip


def test_every_file_of_the_truth_is_named_by_its_site() -> None:
    nameless = set()
    for one in SITES:
        texts = json.dumps([asdict(one)["answers"], asdict(one)["other"]], default=lambda part: part.decode("latin-1"))
        for label in one.files:
            name = label.partition("!/")[0].rpartition("/")[2].removeprefix("data:")
            if name not in texts and unquote(name) not in texts.encode().decode("unicode_escape"):
                nameless.add(one.name)

    assert nameless == NOT_LEGIBLE


def test_an_answer_depends_on_how_it_is_asked_for_and_how_often() -> None:
    one = site(
        "kind",
        "name",
        "<p>{visit} {host}",
        shown="/a.jpg",
        pages={
            "/a.jpg": (Answer(file="/a.jpg", when={"Referer": "^http://{host}/"}), Answer("no", status=403)),
            "/busy": (Answer("busy", status=503, first=1), Answer("ready")),
        },
    )
    played = Playing([one], 80)
    assert f"2 {HOST}".encode() in [ask(played, "/") for _ in range(2)][1][1]
    assert ask(played, "/a.jpg")[0] == 403
    assert played.look().files == {}
    assert ask(played, "/a.jpg", Referer=f"http://{HOST}/") == (200, one.bytes_of("/a.jpg"))
    assert played.look().files == {"name": {"/a.jpg"}}
    assert [ask(played, "/busy")[0] for _ in range(2)] == [503, 200]
    assert ask(played, "/nothing")[0] == 404
    assert played.look().gone == 1


def test_a_body_can_be_packed_as_hosts_pack_it() -> None:
    assert gzip.decompress(PACKINGS["gzip in two members"](bytes(2_000))) == bytes(2_000)
    assert PACKINGS["chunked"](b"abc") == b"3\r\nabc\r\n0\r\n\r\n"


def test_a_file_counts_when_its_digest_was_found_and_a_miss_may_be_said() -> None:
    one = site("kind", "name", "<img src=/a.jpg>", shown="/a.jpg", more="/b.jpg data:c.png")
    seen = Seen(files={"name": {"/a.jpg", "/b.jpg"}}, requests=3, gone=1)
    told = {"name": SiteFindings((scores.digest_of(one, "/a.jpg"),), ("http://host/b.jpg",))}

    ours = scores.score("ours", [one], seen, told, by_digest=True)
    other = scores.score("other", [one], seen, {}, by_digest=False)

    assert ours.found["name"] == {"/a.jpg"}
    assert ours.said["name"] == {"/b.jpg"}
    assert other.found["name"] == {"/a.jpg", "/b.jpg"}
    assert scores.missed([one], ours) == "kind: name: /b.jpg (said), data:c.png"
    assert scores.missed([one], other) == "kind: name: data:c.png"
    assert "fetched ['/b.jpg'], not []" in scores.wrong_truth([one], other)
    assert "missed 2 files. For 1 of them" in scores.in_words([one], ours)
    assert "| missed, and no line says so | name |" in scores.in_words([one], ours)
    assert "| kind | 1 | 3 | 33 % | 67 % |" in scores.by_kind([one], [ours, other], {"ours": "A", "other": "B"})


def test_orbweaver_recrawls_the_sites() -> None:
    command = [sys.executable, "-m", "bench.recall", "--contestants", "orbweaver", "--missed", "--sites", "img", "7z"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stderr
    assert "| elements | 1 | 1 | 100 % |" in done.stdout
    assert "| of these, what a browser fetches |  | 2 | 100 % |" in done.stdout
    assert "archives: 7z: /a.7z!/dir/two.png" in done.stdout


def test_pages_of_a_package_are_served_and_nothing_beside_them(tmp_path: Path) -> None:
    (tmp_path / "pages" / "deep").mkdir(parents=True)
    (tmp_path / "pages" / "deep" / "index.html").write_text("<img src=https://other.example/a.png>")
    (tmp_path / "pages" / "b.png").write_bytes(b"picture")
    (tmp_path / "secret.html").write_text("secret")
    folder = Folder(tmp_path / "pages", ["/deep/index.html"])

    assert folder.answer("/deep/") == (200, "text/html", b"<img src=/@/other.example/a.png>")
    assert folder.answer("/../secret.html")[0] == folder.answer("/%2e%2e/secret.html")[0] == 404
    assert folder.answer("/gone.html")[0] == folder.answer("/favicon.ico")[0] == 404
    assert folder.look() == set()
    assert folder.answer("/b.png") == (200, "image/png", b"picture")
    assert folder.answer("/@/other.example/a.png")[:2] == (200, "image/png")
    assert folder.look() == {"/b.png", "/@/other.example/a.png"}


def test_scores_are_kept_as_long_as_the_sites_are_the_same(tmp_path: Path) -> None:
    one, other = (site("kind", "name", f"<img src={path}>", shown=path) for path in ("/a.jpg", "/b.jpg"))
    score = scores.score("ours", [one], Seen(files={"name": {"/a.jpg"}}, requests=3), {}, by_digest=False)
    results.keep(tmp_path / "scores.json", [one], [score])

    assert results.kept(tmp_path / "scores.json", [one]) == [score]
    assert results.kept(tmp_path / "scores.json", [other]) == []
    assert results.kept(tmp_path / "nothing.json", [one]) == []
