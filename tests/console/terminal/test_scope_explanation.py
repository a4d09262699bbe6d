"""`orbweaver scope test`: one decision a URL, for people and for scripts, without a state or a connection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from orbweaver_command import Ran, Workplace

REPORTED = "http://www.example.com/board/1"
ACCEPTED, REJECTED, BAD_USAGE = 0, 1, 2


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    with TemporaryDirectory() as folder:
        yield Workplace(Path(folder))


def ask(place: Workplace, *arguments: str, reported: str = REPORTED) -> Ran:
    return place.run("scope", "test", *arguments, "--reported", reported, COLUMNS="250")


def answers_of(place: Workplace, *arguments: str) -> dict[str, dict[str, Any]]:
    ran = ask(place, *arguments, "--json")
    return {answer["url"]: answer for answer in json.loads(ran.stdout)["urls"]}


def test_each_url_has_its_decision_and_rule_and_none_can_be_clicked(place: Workplace) -> None:
    ran = ask(place, "http://www.example.com/a.jpg", "http://www.example.com/logout", "http://cdn.example.com/a")

    assert ran.status == REJECTED
    _, *lines = ran.stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["hxxp://www[.]example[.]com/a.jpg", "accepted", "accept"],
        ["hxxp://www[.]example[.]com/logout", "rejected", "acting.log-out"],
        ["hxxp://cdn[.]example[.]com/a", "rejected", "scope.host"],
    ]
    assert "http://" not in ran.stdout
    assert ran.stderr == ""


def test_what_costs_more_and_what_abstained_is_said(place: Workplace) -> None:
    ran = ask(place, "hxxp://www[.]example[.]com/events/2031/07", "--explain")

    assert ran.status == ACCEPTED
    assert "accepted, cost 5" in ran.stdout
    assert "cost.calendar" in ran.stdout
    assert "scheme, authority, scope, embeds" in ran.stdout


def test_scripts_get_exact_urls_and_every_fact(place: Workplace) -> None:
    found = answers_of(place, "http://WWW.example.com:80/a", REPORTED, "http://www.example.com/report-post", "ftp://x/")

    assert found["http://www.example.com/a"] | {"abstained": []} == {
        "url": "http://www.example.com/a",
        "is_allowed": True,
        "rule": "accept",
        "reason": "no rule refuses it",
        "outcome": None,
        "cost": 1,
        "abstained": [],
    }
    assert found[REPORTED]["rule"] == "reported"
    refused = found["http://www.example.com/report-post"]
    assert (refused["rule"], refused["outcome"], refused["cost"]) == ("acting.report", "acting_link", None)
    assert refused["abstained"][0] == "scheme"
    assert (found["ftp://x/"]["rule"], found["ftp://x/"]["outcome"]) == ("url", "refused_url")


def test_the_options_are_those_of_a_scope_and_of_a_link(place: Workplace) -> None:
    image = "http://cdn.example.com/a.jpg"

    def rule(*options: str) -> str:
        return str(answers_of(place, image, *options)[image]["rule"])

    assert rule("--scope", "site") == "accept"
    assert rule("--kind", "embed") == "embeds.off"
    assert rule("--kind", "embed", "--embeds", "same-site") == "accept"
    assert rule("--kind", "embed", "--embeds", "any", "--referrer", "http://other.example/") == "embeds.referrer"
    assert rule("--kind", "file", "--embeds", "any") == "scope.host"
    assert rule("--scope", "site", "--depth", "21") == "limit.max_depth"


def test_several_reports_of_a_host_are_one_scope(place: Workplace) -> None:
    board, other = "http://www.example.com/board/2", "http://www.example.com/other/2"
    both = ["--scope", "path", "--reported", "http://www.example.com/other/1"]

    assert ask(place, board, other, *both).status == ACCEPTED
    assert ask(place, board, other, "--scope", "path").status == REJECTED


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["http://www.example.com/", "--reported", "http://other.example/"], "one host at a time"),
        (["http://www.example.com/", "--reported", "ftp://other.example/"], "scheme ftp is not http or https"),
        (["http://www.example.com/", "--referrer", "no url"], "no scheme"),
        (["http://www.example.com/", "--scope", "planet"], "planet"),
        ([], "Missing argument"),
    ],
)
def test_bad_usage_is_one_clear_message_and_status_two(place: Workplace, arguments: list[str], said: str) -> None:
    ran = ask(place, *arguments)

    assert ran.status == BAD_USAGE
    assert ran.stdout == ""
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_reports_are_asked_for_and_the_help_has_examples(place: Workplace) -> None:
    assert "--reported" in place.run("scope", "test", "http://www.example.com/").stderr

    ran = place.run("scope", "test", "--help")
    assert ran.status == 0
    assert "orbweaver scope test https://www.example.com/logout" in ran.stdout
    assert "Exit status" in ran.stdout


def test_nothing_is_started_or_left_behind(place: Workplace) -> None:
    ask(place, "http://www.example.com/")
    assert not place.state.exists()
    assert not place.processes()
