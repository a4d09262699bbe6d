"""Bad input gives one clear line, a status that says whose fault it is, and never a traceback."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver.crawler.containment import sandbox
from orbweaver.store import embedded
from orbweaver_command import Ran, Workplace, eventually
from synthetic_host import SyntheticHost

FAILED, BAD_USAGE = 1, 2
BODY = b"\x89PNG\r\n\x1a\n" + os.urandom(1_000)


@pytest.fixture
def place() -> Iterator[Workplace]:
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


@pytest.fixture
def hashes(place: Workplace) -> str:
    return place.write("list.txt", hashlib.sha256(BODY).hexdigest() + "\n")


def said_in_one_line(ran: Ran) -> str:
    assert "Traceback" not in ran.stderr + ran.stdout
    (line,) = (one for one in ran.stderr.splitlines() if one.startswith("orbweaver: "))
    return line


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "reports.txt"),
        ("", "no reports in it"),
        ("name,age\nx,1\n", "url"),
        ("not a url\nftp://files.example/\n", "no usable report"),
    ],
)
def test_reports_that_cannot_be_used_end_with_status_2(
    place: Workplace, hashes: str, content: str | None, expected: str
) -> None:
    reports = str(place.folder / "reports.txt") if content is None else place.write("reports.txt", content)
    ran = place.run("verify", reports, "--hashes", hashes)
    assert ran.status == BAD_USAGE
    assert expected in said_in_one_line(ran)


def test_an_encoding_that_is_not_known_is_named(place: Workplace, hashes: str) -> None:
    reports = place.write("reports.txt", "http://127.0.0.1/\n")
    ran = place.run("verify", reports, "--hashes", hashes, "--encoding", "nonsense")
    assert ran.status == BAD_USAGE
    assert "the encoding 'nonsense' is not known" in said_in_one_line(ran)


def test_a_folder_is_not_a_report_file(place: Workplace, hashes: str) -> None:
    ran = place.run("verify", str(place.folder), "--hashes", hashes)
    assert ran.status == BAD_USAGE
    assert str(place.folder) in said_in_one_line(ran)


def test_a_bad_line_of_the_reports_or_of_the_list_is_named_and_the_rest_goes_on(place: Workplace, hashes: str) -> None:
    with SyntheticHost({"/known.png": ("image/png", BODY)}) as host:
        reports = place.write(
            "reports.csv", f"url,report_id\n{host.url}known.png,R-1\nhttp://exa mple/,R-2\ntoo,many,cells\n"
        )
        place.write("list.txt", f"{hashlib.sha256(BODY).hexdigest()}\nabc123\nnonsense\n")
        ran = place.run("verify", reports, "--hashes", hashes, "--json")
    assert ran.status == 0
    assert len(ran.json()["cases"]) == 1
    said = ran.json()["hashes"]
    assert (said["rows"], said["refused"], said["first_refused"][0]["place"]) == (3, 2, "line 2")
    assert "list.txt: line 2:" in ran.stderr
    assert [one["line"] for one in ran.json()["reports"]["refused"]] == [3, 4]
    assert "reports.csv:3:" in ran.stderr
    assert "reports.csv:4:" in ran.stderr


def test_reports_are_read_from_standard_input(place: Workplace, hashes: str) -> None:
    with SyntheticHost({"/known.png": ("image/png", BODY)}) as host:
        ran = place.run(
            "verify",
            "-",
            "--hashes",
            hashes,
            "--json",
            standard_input=f"hxxp://127[.]0[.]0[.]1:{host.port}/known.png\n",
        )
    assert ran.status == 0, ran.stderr
    assert [case["url"] for case in ran.json()["cases"]] == [f"{host.url}known.png"]


def test_a_hash_list_that_is_missing_or_useless_ends_with_status_2(place: Workplace) -> None:
    reports = place.write("reports.txt", "http://files.example/")
    for hashes in (str(place.folder / "missing.csv"), place.write("empty.csv", ""), place.write("bad.csv", "zz\n")):
        ran = place.run("verify", reports, "--hashes", hashes)
        assert ran.status == BAD_USAGE
        assert Path(hashes).name in said_in_one_line(ran)


@pytest.mark.parametrize("url", ["carrier-pigeon:coop", "https//missing.colon"])
def test_a_matcher_of_unknown_scheme_ends_with_status_2(place: Workplace, url: str) -> None:
    ran = place.run("verify", place.write("reports.txt", "http://files.example/"), "--matcher", url)
    assert ran.status == BAD_USAGE
    assert "hashlist:" in said_in_one_line(ran)


def test_directories_that_cannot_be_written_are_named(place: Workplace, hashes: str) -> None:
    in_the_way = place.write("a-file", "not a directory")
    reports = place.write("reports.txt", "http://files.example/")
    for option in ("--state", "--out"):
        ran = place.run("verify", reports, "--hashes", hashes, option, f"{in_the_way}/below")
        assert ran.status == BAD_USAGE
        assert option in said_in_one_line(ran)


def test_settings_that_cannot_be_used_are_named(place: Workplace, hashes: str) -> None:
    reports = place.write("reports.txt", "http://files.example/")
    for name, value in (("HOST_CONNECTIONS", "many"), ("ALLOW_ADDRESSES", "10.0.0.0/99"), ("SANDBOX", "maybe")):
        ran = place.run("verify", reports, "--hashes", hashes, **{name: value})
        assert ran.status == BAD_USAGE
        assert value in said_in_one_line(ran)
    ran = place.run("verify", reports, "--hashes", hashes, TAKEDOWN_SINKS="pigeon:coop")
    assert ran.status == BAD_USAGE
    assert "TAKEDOWN_SINKS has an address of no sink: known are jsonl:DIR" in said_in_one_line(ran)


def test_a_store_that_does_not_answer_is_a_failure_and_its_password_is_not_shown(place: Workplace, hashes: str) -> None:
    reports = place.write("reports.txt", "http://files.example/")
    url = "redis://user:secret-word@127.0.0.1:1/0"
    ran = place.run("verify", reports, "--hashes", hashes, STORE_URL=url)
    assert ran.status == FAILED
    assert "127.0.0.1:1" in said_in_one_line(ran)
    assert "secret-word" not in ran.stderr


def test_a_store_that_would_lose_cases_is_refused_with_the_mend(place: Workplace, hashes: str) -> None:
    socket = place.folder / "loose.sock"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(socket),
        "--appendonly",
        "no",
        "--save",
        "",
        "--dir",
        str(place.folder),
    ]
    with subprocess.Popen([embedded.find_server(), *options], stdout=subprocess.DEVNULL) as server:
        eventually(socket.exists)
        reports = place.write("reports.txt", "http://files.example/")
        ran = place.run("verify", reports, "--hashes", hashes, STORE_URL=f"unix://{socket}")
        server.terminate()
    assert ran.status == FAILED
    assert "CONFIG SET appendonly yes" in said_in_one_line(ran)


def test_bad_usage_is_explained(place: Workplace, hashes: str) -> None:
    reports = place.write("reports.txt", "http://files.example/")
    for arguments in (
        [],
        [reports],
        [reports, "--hashes", hashes, "--scope", "planet"],
        [reports, "--hashes", hashes, "--max-pages", "0"],
    ):
        ran = place.run("verify", *arguments)
        assert ran.status == BAD_USAGE
        assert "Usage:" in ran.stderr
        assert "Traceback" not in ran.stderr


def test_the_doctor_says_what_is_wrong_and_what_is_right(place: Workplace) -> None:
    ran = place.run("doctor", ALLOW_ADDRESSES="")
    assert ran.status == 0, ran.stdout
    lines = ran.stdout.splitlines()
    assert any(line.startswith("ok    kernel:") and "Landlock ABI" in line for line in lines)
    layers = [line for line in lines if "layer " in line]
    assert [line.partition(":")[0] for line in layers] == [f"ok    layer {layer}" for layer in sandbox.LAYERS]
    assert any(line.startswith("ok    store appendonly: yes") for line in lines)
    assert "ok    store rights: crawl processes hold no connection to the store and can make none" in lines
    assert [line for line in lines if line.partition("  ")[2].strip().startswith("disk:")]
    sink = f"jsonl:{place.write('in-the-way', '')}/below"
    missing = f"hashlist:{place.folder}/missing.hashes"
    database = place.write("no.mmdb", "no database")
    ran = place.run("doctor", "--matcher", missing, SANDBOX="off", TAKEDOWN_SINKS=sink, GEO_ASN_DB=database)
    assert ran.status == FAILED
    assert f"fail  hosting: GEO_ASN_DB {database} is no MaxMind DB file" in ran.stdout
    assert f"fail  sinks: {sink}: {place.folder}/in-the-way is not a directory" in ran.stdout.splitlines()
    assert any(line.startswith("fail  matcher:") and "missing.hashes" in line for line in ran.stdout.splitlines())
    lines = ran.stdout.splitlines()
    assert any(line.startswith("warn  sandbox:") for line in lines)
    assert any(line.startswith("warn  store rights: SANDBOX=off") for line in lines)
    assert "ok    layer not dumpable: no debugger, and no core dump through a pipe" in lines
    assert [line for line in lines if line.startswith("warn  layer")] == [
        f"warn  layer {layer}: off" for layer in sandbox.LAYERS[2:]
    ]
    assert place.processes() == []


def test_a_case_state_is_not_taken_for_the_state_directory(place: Workplace) -> None:
    ran = place.run("cases", "list", "--state", "held")
    assert ran.status == BAD_USAGE
    assert said_in_one_line(ran).endswith("there is no directory held: write --case-state held for cases in that state")
    (place.working / "held").mkdir()
    ran = place.run("cases", "list", "--state", "held")
    assert ran.status == BAD_USAGE
    assert f"there is no store in {place.working / 'held'}" in said_in_one_line(ran)


def test_the_old_name_of_the_state_directory_still_works(place: Workplace) -> None:
    ran = place.run("cases", "list", "--state-dir", str(place.folder / "mistyped"))
    assert ran.status == BAD_USAGE
    note, error = ran.stderr.splitlines()
    assert note == "orbweaver: --state-dir is now called --state; the old name still works"
    assert f"there is no store in {place.folder / 'mistyped'}" in error


def test_commands_that_only_read_a_store_make_none(place: Workplace) -> None:
    missing = place.folder / "mistyped"
    for arguments in (
        ("cases", "list", "--state", str(missing)),
        ("matcher", "accept", "hashlist:/x", "--state", str(missing)),
        ("rematch", "--matcher", "hashlist:/x", "--state", str(missing)),
    ):
        ran = place.run(*arguments)
        assert ran.status == BAD_USAGE
        assert f"there is no store in {missing}" in said_in_one_line(ran)
        assert "0 case" not in ran.stdout
    ran = place.run("doctor", "--state", str(missing))
    assert f"ok    store: none in {missing} yet" in ran.stdout
    assert "ok    store appendonly: yes" in ran.stdout
    assert not missing.exists()
    too_long = place.folder / ("d" * embedded.LONGEST_SOCKET_PATH)
    ran = place.run("doctor", "--state", str(too_long))
    assert ran.status == FAILED
    assert "has too long a path for the store's socket" in ran.stdout
    assert not too_long.exists()
    assert place.processes() == []
