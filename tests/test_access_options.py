"""`verify` takes the terms of a recrawl, hands them to its workers, and says in one line what it cannot use."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver_command import Ran, Workplace
from proxy_servers import SocksServer
from synthetic_host import SyntheticHost

BAD_USAGE = 2
BODY = b"\x89PNG\r\n\x1a\n" + os.urandom(1_000)
SECRET = "hunter2"


@pytest.fixture
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


@pytest.fixture
def hashes(place: Workplace) -> str:
    return place.write("list.txt", hashlib.sha256(BODY).hexdigest() + "\n")


def said_in_one_line(ran: Ran) -> str:
    assert "Traceback" not in ran.stderr + ran.stdout
    assert ran.status == BAD_USAGE
    (line,) = (one for one in ran.stderr.splitlines() if one.startswith("orbweaver: "))
    return line


def test_reports_and_profile_say_how_a_host_is_asked_and_a_password_stays_secret(place: Workplace, hashes: str) -> None:
    name = "pictures.site.com"
    with (
        SyntheticHost({"/known.png": ("image/png", BODY)}) as host,
        SocksServer({name: host.port}, login=("orb", SECRET)) as proxy,
    ):
        reports = place.write("r.csv", f"url,user_agent,cookies\nhttp://{name}/known.png,Reporter/1,age=18\n")
        access = place.write(
            "access.toml", 'proxy = "env:ORB_PROXY"\naccept_language = "de"\nrobots = "record"\ndelay_seconds = 0.1\n'
        )
        ran = place.run(
            *("verify", reports, "--hashes", hashes, "--json", "--access", access, "--authority", "Hotline 12"),
            *("--embeds", "same-site", "--expires", "2999-12-31T00:00:00Z", "--out", str(place.folder / "out")),
            ORB_PROXY=proxy.url,
        )
    assert ran.status == 0, ran.stderr
    assert [case["url"] for case in ran.json()["cases"]] == [f"http://{name}/known.png"]
    asked = dict(host.requests)["/known.png"]
    assert (asked["User-Agent"], asked["Accept-Language"], asked["Cookie"]) == ("Reporter/1", "de", "age=18")
    assert SECRET not in ran.stdout + ran.stderr
    kept = [path for path in place.folder.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (None, "check the path"),
        ("user-agent = 'x'", "no key 'user-agent'"),
        (f"proxy = 'gopher://{SECRET}'", "proxy: "),
        ("proxy = 'env:NOT_SET'", "the variable NOT_SET is not set"),
        ('robots = "record"', "--authority"),
    ],
)
def test_a_profile_that_cannot_be_used_ends_with_status_2(
    place: Workplace, hashes: str, profile: str | None, said: str
) -> None:
    reports = place.write("r.txt", "http://www.site.com/\n")
    access = str(place.folder / "missing.toml") if profile is None else place.write("access.toml", profile)
    line = said_in_one_line(place.run("verify", reports, "--hashes", hashes, "--access", access))
    assert said in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("option", "value"),
    [("--expires", "soon"), ("--expires", "9999-12-31T23:59:59-12:00"), ("--authority", " "), ("--embeds", "all")],
)
def test_an_option_that_cannot_be_used_is_named(place: Workplace, hashes: str, option: str, value: str) -> None:
    reports = place.write("r.txt", "http://www.site.com/\n")
    ran = place.run("verify", reports, "--hashes", hashes, option, value)
    assert ran.status == BAD_USAGE
    assert option in ran.stderr
    assert "Traceback" not in ran.stderr
