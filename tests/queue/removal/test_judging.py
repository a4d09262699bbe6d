"""Each answer of a host to a known URL leads to the rule that is noted; real crawl processes, real hosts."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from loopback_ports import closed_port
from orbweaver.model import (
    CaseState,
    EventType,
)
from recheck_watch import (
    HOUR,
    PATH,
    SITUATIONS,
    TurningHost,
    Watch,
)
from synthetic_host import SyntheticHost


def test_a_host_goes_through_each_situation_and_none_that_is_no_removal_counts_as_one(watch: Watch) -> None:
    with TurningHost({}) as host:
        case_id = watch.open_case(f"{host.url[:-1]}{PATH}")
        found = {}
        for name, situation in SITUATIONS.items():
            host.situation = situation
            watch.at += 4 * HOUR
            watch.recheck(host.host, situation.settings)
            found[name] = watch.rule(case_id)
        host.situation = SITUATIONS["the file"]

    assert found == {name: situation.rule for name, situation in SITUATIONS.items()}
    assert watch.case(case_id).state is CaseState.OPEN
    assert EventType.REMOVED not in watch.kinds(case_id)


def test_hosts_that_cannot_be_reached_are_no_removal_but_a_name_that_is_gone_is(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo

    def names(host: Any, *arguments: Any, **options: Any) -> Any:  # what the system's resolver says of them
        if str(host).endswith(".test"):
            raise socket.gaierror(socket.EAI_NONAME if host == "nobody.test" else socket.EAI_AGAIN, "no")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", names)
    with closed_port() as port, SyntheticHost({}) as plain:
        refused = f"127.0.0.1:{port}"
        hosts = {
            refused: ("http", "unavailable.unreachable"),
            plain.host: ("https", "unavailable.unreachable"),
            "nobody.test": ("http", "gone.no-such-name"),
            "silent.test": ("http", "unavailable.unresolved"),
        }
        for host, (scheme, rule) in hosts.items():
            case_id = watch.open_case(f"{scheme}://{host}{PATH}")
            for _ in range(3 if rule.startswith("gone") else 1):
                watch.at += 4 * HOUR
                watch.recheck(host)
            assert watch.rule(case_id) == rule
            assert watch.case(case_id).state is (CaseState.REMOVED if rule.startswith("gone") else CaseState.OPEN)
