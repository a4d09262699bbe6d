"""The whole way of one file, by the command that a hotline runs: reports in, hit report out."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import signal
import socket
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import preloaded
import pytest
from gate import Gate
from loopback_ports import free_port
from orbweaver import __version__
from orbweaver.store import embedded
from orbweaver_command import Workplace, eventually, finish
from synthetic_host import Resource, SyntheticHost
from tls_host import TlsHost, make_certificate

WAY = (("/one.png", "/two", 301), ("/two", "/three", 307), ("/three", "/end.png", 302))
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def place() -> Iterator[Workplace]:
    # Short, because the store's socket lies in it.
    with tempfile.TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def image(size: int = 5_000) -> bytes:
    return PNG + os.urandom(size)


def page(*references: str) -> Resource:
    return Resource("text/html", "".join(f'<img src="{one}">' for one in references).encode())


def hash_list(*bodies: bytes) -> str:
    rows = (f"{hashlib.sha256(body).hexdigest()},{place},synthetic\n" for place, body in enumerate(bodies))
    return "sha256,entry_id,category\n" + "".join(rows)


def urls(cases: list[dict[str, str]]) -> set[str]:
    return {case["url"] for case in cases}


def test_a_listed_file_becomes_a_case_and_nothing_else_does(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    listed, harmless = image(), image()
    with SyntheticHost(
        {
            "/": page("known.png", "copy.png", "harmless.png", "empty.png", "gone.png"),
            "/known.png": ("image/png", listed),
            "/copy.png": ("image/png", listed),
            "/harmless.png": ("image/png", harmless),
            "/empty.png": ("image/png", b""),
        }
    ) as host:
        reports = place.write("reports.csv", f"url,report_id,source\n{host.url},R-1,hotline\n")
        hashes = place.write("list.csv", hash_list(listed, b""))
        with monkeypatch.context() as patch:
            patch.setattr(
                subprocess, "Popen", preloaded.RealPopen
            )  # the command and its workers, as a user starts them
            ran = place.run("verify", reports, "--hashes", hashes, "--out", str(place.out), "--json")
    assert ran.status == 0, ran.stderr
    cases = place.lines("cases.jsonl")
    assert urls(cases) == {f"{host.url}known.png", f"{host.url}copy.png"}
    case = cases[0]
    assert case["sha256"] == hashlib.sha256(listed).hexdigest()
    assert case["md5"] == hashlib.md5(listed).hexdigest()
    assert case["sha1"] == hashlib.sha1(listed).hexdigest()
    assert case["size"] == len(listed)
    assert case["state"] == "open"
    assert case["report_ids"] == ["R-1"]
    assert case["referrer"] == host.url
    assert (case["host"], case["ip"]) == (host.host, "127.0.0.1")
    assert (case["content_type"], case["sniffed_type"]) == ("image/png", "image/png")
    assert case["verdict"]["algorithm"] == "sha256"
    assert case["verdict"]["category"] == "synthetic"
    assert len(case["verdict"]["list_version"]) == 64
    assert case["http"]["status"] == 200
    assert (place.state / "workers.log").read_text() == "", "a good run has nothing to log"
    audited = place.run("audit", "verify", "--json").json()
    assert (audited["entries"], audited["faults"]) == (3, []), "two events, and that their cases were shown"
    assert {path.stat().st_mode & 0o077 for path in place.out.iterdir()} == {0}
    skipped = {one["url"]: one["outcome"] for one in place.lines("skipped.jsonl")}
    assert skipped == {f"{host.url}empty.png": "empty", f"{host.url}gone.png": "http_error"}
    events = place.lines("events.jsonl")
    assert {event["case_id"] for event in events} == {one["case_id"] for one in cases}
    said = ran.json()
    assert said["exit_status"] == 0
    assert said["totals"]["files"] == 4  # what came with the 404 is asked about as well
    assert said["totals"]["bytes_kept"] == 0
    assert said["cases"] == cases
    assert said["hosts"][0]["sandbox"]["is_on"] is True


def test_an_event_says_how_its_file_was_fetched(place: Workplace) -> None:
    listed = image()
    certificate = make_certificate("another.example")
    to = {name: Resource(None, headers={"Location": target}, status=status) for name, target, status in WAY}
    noted = {"ETag": '"v1"', "Last-Modified": "Tue, 03 Feb 2026 10:00:00 GMT", "Via": "1.1 cache", "X-Cache": "HIT"}
    other = {"Set-Cookie": "secret=1", "X-Powered-By": "nobody notes it"}
    served = Resource("image/png", gzip.compress(listed), {**noted, **other, "Content-Encoding": "gzip"})
    with TlsHost({**to, "/end.png": served}, certificate.context(place.folder)) as host:
        reports = place.write("reports.csv", f"url,received_at\n{host.url}one.png,2026-01-02T03:04:05Z\n")
        ran = place.run("verify", reports, "--hashes", place.write("l.csv", hash_list(listed)), "--out", str(place.out))
    assert ran.status == 0, ran.stderr
    (event,) = place.lines("events.jsonl")
    seen = event["evidence"]["sighting"]
    assert seen["seen_at"] == event["at"] == event["case"]["last_seen"]
    assert (seen["url"], seen["final_url"]) == (f"{host.url}one.png", f"{host.url}end.png")
    assert seen["redirects"] == [
        {"url": f"{host.url}{name[1:]}", "status": status, "is_cut": False} for name, _, status in WAY
    ]
    assert seen["ip"] == "127.0.0.1"
    http = seen["http"]
    assert http["status"] == 200
    assert {name: http["headers"][name] for name in map(str.lower, noted)} == {
        name.lower(): value for name, value in noted.items()
    }
    assert not {"set-cookie", "x-powered-by"} & http["headers"].keys()
    assert http["tls"] == {
        "is_verified": False,
        "reason": "self-signed certificate",
        "certificate_sha256": hashlib.sha256(certificate.der).hexdigest(),
    }
    assert http["bytes_received"] == len(gzip.compress(listed))
    assert (seen["size"], seen["bytes_kept"]) == (len(listed), 0)
    assert [seen[name] for name in ("md5", "sha1", "sha256")] == [
        hashlib.new(name, listed).hexdigest() for name in ("md5", "sha1", "sha256")
    ]
    assert seen["software"] == event["actor"]["name"] == f"orbweaver {__version__}"
    assert seen["sandbox"].startswith("on, Landlock ABI ")
    case = event["case"]
    assert (case["redirects"], case["http"]) == (seen["redirects"], http)
    assert case["received_at"] == "2026-01-02T03:04:05.000Z"
    verdict = case["verdict"]
    assert (verdict["algorithm"], verdict["strength"], verdict["entry_id"]) == ("sha256", "strong", "0")
    assert len(verdict["list_version"]) == 64
    assert verdict["asked_at"] is not None
    shown = place.run("cases", "show", event["case_id"]).stdout
    assert "307 -> hxxps://127[.]0[.]0[.]1:" in shown
    assert "certificate is not valid (self-signed certificate)" in shown
    assert "sandbox: on, Landlock ABI" in shown


def test_an_output_that_can_be_written_no_more_costs_no_report_whose_urls_are_defanged(
    place: Workplace,
) -> None:
    listed = image()
    (place.out / "cases.jsonl").mkdir(parents=True)  # as a full disk: what is written last cannot be
    with SyntheticHost({"/known.png": ("image/png", listed)}) as host:
        reports = place.write("reports.txt", f"{host.url}known.png\n")
        hashes = place.write("list.csv", hash_list(listed))
        ran = place.run("verify", reports, "--hashes", hashes, "--out", str(place.out))
    assert ran.status == 1
    assert "hxxp://127[.]0[.]0[.]1" in ran.stdout.replace("\n", "")
    assert "http://" not in ran.stdout + ran.stderr
    assert "1 case (1 new)" in ran.stdout
    assert ran.stderr.splitlines()[-1] == (
        f"orbweaver: output directory {place.out} cannot be written (Is a directory): free space or choose another; "
        "the cases are in the store, see orbweaver cases list"
    )


def test_the_same_run_twice_makes_no_second_case_and_moves_last_seen_on(place: Workplace) -> None:
    listed = image()
    with SyntheticHost({"/": page("known.png"), "/known.png": ("image/png", listed)}) as host:
        arguments = [
            "verify",
            place.write("reports.txt", host.url),
            "--hashes",
            place.write("list.csv", hash_list(listed)),
            "--out",
            str(place.out),
        ]
        assert place.run(*arguments).status == 0
        (first,) = place.lines("cases.jsonl")
        assert place.run(*arguments).status == 0
        (second,) = place.lines("cases.jsonl")
    assert second["case_id"] == first["case_id"]
    assert second["first_seen"] == first["first_seen"]
    assert second["last_seen"] > first["last_seen"]
    assert len(place.lines("events.jsonl")) == 1


def test_what_is_taken_out_of_the_list_is_corrected_where_the_engine_was_told(place: Workplace) -> None:
    listed = [image() for _ in range(3)]
    names = [f"known-{number}.png" for number in range(3)]
    files = {f"/{name}": ("image/png", body) for name, body in zip(names, listed, strict=True)}
    with SyntheticHost({"/": page(*names), **files}) as host:
        reports = place.write("reports.txt", host.url)
        verify = ["verify", reports, "--hashes", place.write("list.csv", hash_list(*listed)), "--out"]
        assert place.run(*verify, str(place.out)).status == 0
        hashes = place.write("list.csv", hash_list(*listed[:2]))
        ran = place.run(*verify, str(place.folder / "another"))
    assert ran.status == 0, ran.stderr
    assert f"events of this store go to jsonl:{place.out}, not to {place.folder / 'another'}" in ran.stderr
    assert not (place.folder / "another" / "events.jsonl").exists()
    place.write("list.csv", hash_list(*listed[:1]))
    assert place.run("rematch", "--hashes", hashes).status == 0
    said = [(one["type"], one["case"]["url"].removeprefix(host.url)) for one in place.lines("events.jsonl")]
    assert sorted(said[:3]) == [("case.opened", name) for name in names]
    assert said[3:] == [("case.corrected", names[2]), ("case.corrected", names[1])]
    service = {one["case"]["verdict"]["service"] for one in place.lines("events.jsonl")}
    assert service == {f"hashlist:{hashes}"}


def test_a_list_that_fails_half_way_leaves_the_rest_unknown_and_the_next_run_answers_it(place: Workplace) -> None:
    first, later = image(), [image() for _ in range(3)]
    gate = Gate(page("later-0.png", "later-1.png", "later-2.png"))
    resources = {f"/later-{number}.png": ("image/png", body) for number, body in enumerate(later)}
    with SyntheticHost({"/first.png": ("image/png", first), "/gate": Resource(None, gate.answer), **resources}) as host:
        reports = place.write("reports.txt", f"{host.url}first.png\n{host.url}gate\n")
        built = place.folder / "list.hashes"
        raw = place.write("list.csv", hash_list(first, later[0]))
        assert place.run("hashlist", "build", raw, "-o", str(built)).status == 0
        whole = built.read_bytes()
        running = place.start("verify", reports, "--hashes", str(built), "--out", str(place.out), "--json")
        gate.wait_until_reached()
        eventually(lambda: (place.out / "events.jsonl").stat().st_size > 0)
        damaged = place.folder / "damaged.hashes"
        damaged.write_bytes(whole[: len(whole) // 2])
        damaged.replace(built)
        gate.open()
        ran = finish(running)
        assert ran.status == 1
        said = ran.json()
        assert urls(said["cases"]) == {f"{host.url}first.png"}
        assert {one["url"] for one in said["unknown"]} == {f"{host.url}later-{number}.png" for number in range(3)}
        assert all("list.hashes" in one["reason"] for one in said["unknown"])
        built.write_bytes(whole)
        again = place.run(
            "verify",
            place.write("one.txt", f"{host.url}first.png"),
            "--hashes",
            str(built),
            "--out",
            str(place.out),
            "--json",
        )
    assert again.status == 0, again.stdout
    assert urls(again.json()["cases"]) == {f"{host.url}first.png", f"{host.url}later-0.png"}


def test_ctrl_c_keeps_what_was_found_and_ends_every_process(place: Workplace) -> None:
    listed = image()
    gate = Gate(page("never.png"))
    with SyntheticHost(
        {"/": page("known.png", "gate"), "/known.png": ("image/png", listed), "/gate": Resource(None, gate.answer)}
    ) as host:
        reports = place.write("reports.txt", host.url)
        hashes = place.write("list.csv", hash_list(listed))
        running = place.start("verify", reports, "--hashes", hashes, "--out", str(place.out), "--json")
        gate.wait_until_reached()
        running.send_signal(signal.SIGINT)
        ran = finish(running)
        gate.open()
    assert ran.status == 1
    said = ran.json()
    assert said["interrupted"] is True
    assert said["hosts"][0]["state"] == "interrupted"
    assert urls(said["cases"]) == {f"{host.url}known.png"}
    assert place.processes() == []


def test_files_behind_redirects_and_inside_an_archive_become_cases_that_say_where(place: Workplace) -> None:
    listed, packed = image(), image()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as album:
        album.writestr("inner/a.png", packed)
        album.writestr("notes.txt", b"words")
    with SyntheticHost({"/secret.png": ("image/png", listed)}) as other, SyntheticHost({}) as host:
        host.resources.update(
            {
                "/": page("inside", "outside", "loop", "album.cbz"),
                "/inside": Resource(None, headers={"Location": "/step"}, status=302),
                "/step": Resource(None, headers={"Location": "/known.png"}, status=301),
                "/outside": Resource(None, headers={"Location": f"{other.url}secret.png"}, status=302),
                "/loop": Resource(None, headers={"Location": "/loop"}, status=302),
                "/known.png": Resource("image/png", listed),
                "/album.cbz": Resource("application/octet-stream", archive.getvalue()),
            }
        )
        reports = place.write("reports.txt", host.url)
        hashes = place.write("list.csv", hash_list(listed, packed))
        ran = place.run("verify", reports, "--hashes", hashes, "--out", str(place.out))
    assert ran.status == 1, "the loop is a failure"
    assert other.paths == [], "each hop of a redirect is checked"
    cases = {case["sha256"]: case for case in place.lines("cases.jsonl")}
    assert cases.keys() == {hashlib.sha256(body).hexdigest() for body in (listed, packed)}
    redirected, inside = (cases[hashlib.sha256(body).hexdigest()] for body in (listed, packed))
    assert (redirected["url"], redirected["final_url"]) == (f"{host.url}inside", f"{host.url}known.png")
    assert (inside["url"], inside["http"]["archive_member"]) == (f"{host.url}album.cbz", "inner/a.png")
    assert "in the archive as inner/a.png" in " ".join(ran.stdout.split())
    outcomes = {one["url"].removeprefix(host.url): one["outcome"] for one in place.lines("skipped.jsonl")}
    assert outcomes == {"outside": "out_of_scope", "loop": "redirect_loop"}


def test_killed_crawl_processes_and_workers_are_replaced_and_the_cases_are_the_same(place: Workplace) -> None:
    listed = [image() for _ in range(6)]
    gate = Gate(page("late-0.png", "late-1.png", "late-2.png"))
    resources = {
        f"/{name}-{number}.png": ("image/png", listed[number + offset])
        for name, offset in (("early", 0), ("late", 3))
        for number in range(3)
    }
    with SyntheticHost(
        {
            "/": page("early-0.png", "early-1.png", "early-2.png", "gate"),
            "/gate": Resource(None, gate.answer),
            **resources,
        }
    ) as host:
        reports = place.write("reports.txt", host.url)
        hashes = place.write("list.csv", hash_list(*listed))
        running = place.start("verify", reports, "--hashes", hashes, "--out", str(place.out), "--json")
        gate.wait_until_reached()
        (crawl,) = place.crawl_processes()
        workers = place.workers("match", "takedown")
        assert len(workers) == 2
        for pid in (crawl, *workers):
            os.kill(pid, signal.SIGKILL)
        gate.open()
        ran = finish(running)
    assert ran.status == 0, ran.stdout
    said = ran.json()
    assert said["hosts"][0]["attempts"] == 2
    assert urls(said["cases"]) == {f"{host.url}{path[1:]}" for path in resources}
    assert {event["case"]["url"] for event in place.lines("events.jsonl")} == urls(said["cases"])  # each at least once


def test_the_limits_of_pages_and_depth_hold_for_each_host(place: Workplace) -> None:
    chain = {f"/{number}": Resource("text/html", f'<a href="/{number + 1}">on</a>'.encode()) for number in range(30)}
    many = "".join(f'<a href="/{number}">on</a>' for number in range(1, 30)).encode()
    with SyntheticHost(chain) as deep, SyntheticHost({**chain, "/0": Resource("text/html", many)}) as wide:
        reports = place.write("reports.txt", f"{deep.url}0\n{wide.url}0")
        hashes = place.write("list.csv", hash_list(b"nothing there"))
        limits = ("--max-pages", "5", "--max-depth", "2")
        ran = place.run("verify", reports, "--hashes", hashes, *limits, "--out", str(place.out), "--json")
        rules = {(one["url"].startswith(deep.url), one["rule"]) for one in place.lines("skipped.jsonl")}
        # The reported page is always fetched, and at most five more.
        assert [len({path for path in host.paths if path != "/robots.txt"}) for host in (deep, wide)] == [3, 6]
    assert ran.status == 0
    assert {rule for is_deep, rule in rules if is_deep} == {"limit.max_depth"}
    assert "limit.max_pages" in {rule for is_deep, rule in rules if not is_deep}


def test_a_second_run_with_another_list_is_refused_and_the_first_is_not_disturbed(place: Workplace) -> None:
    listed = image()
    gate = Gate(page("known.png"))
    with SyntheticHost({"/": Resource(None, gate.answer), "/known.png": ("image/png", listed)}) as host:
        reports = place.write("reports.txt", host.url)
        right, wrong = place.write("list.csv", hash_list(listed)), place.write("other.csv", hash_list(b"another file"))
        running = place.start("verify", reports, "--hashes", right, "--json")
        gate.wait_until_reached()
        refused = place.run("verify", reports, "--hashes", wrong)
        gate.open()
        ran = finish(running)
    assert refused.status == 1
    assert "works on this store with other values of MATCHER_URL" in refused.stderr
    assert urls(ran.json()["cases"]) == {f"{host.url}known.png"}


def test_a_store_over_tcp_does_as_well_as_the_embedded_one(place: Workplace) -> None:
    listed = image()
    port = free_port()
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--appendonly",
        "yes",
        "--save",
        "",
        "--dir",
        str(place.folder),
    ]
    with (
        subprocess.Popen([embedded.find_server(), *options], stdout=subprocess.DEVNULL) as server,
        SyntheticHost({"/": page("known.png"), "/known.png": ("image/png", listed)}) as host,
    ):
        eventually(lambda: is_listening(port))
        reports = place.write("reports.txt", host.url)
        hashes = place.write("list.csv", hash_list(listed))
        ran = place.run("verify", reports, "--hashes", hashes, "--json", STORE_URL=f"redis://127.0.0.1:{port}/0")
        server.terminate()
    assert ran.status == 0, ran.stderr
    assert urls(ran.json()["cases"]) == {f"{host.url}known.png"}
    assert ran.json()["hosts"][0]["sandbox"]["tcp_ports"] == [host.port]
    assert not (place.state / "store.sock").exists()


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
