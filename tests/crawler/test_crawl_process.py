"""The child that crawls: how it is started, what it holds, how it ends, and that nothing of it is left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import a_sighting, an_order
from contained import Died, run
from orbweaver.crawler import crawl_messages, crawl_process, recrawl
from orbweaver.crawler.crawl_messages import Contained, CrawlMessage, Finished, Found, GivenUp
from orbweaver.crawler.errors import CrawlDied, MessageRefused
from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.model import Report, Scope, Tally
from orbweaver.settings import Settings
from orbweaver_command import eventually

ORDER = an_order()
ENDED = recrawl.Ended(Tally(), None, {})


# --- what the child does instead of crawling ---


def say_much(_: Scope, __: Sequence[Report], record: Record, ___: Settings) -> recrawl.Ended:
    record([a_sighting(url=f"http://h.test/{n}") for n in range(crawl_messages.MOST_AT_ONCE + 1)], (), Tally(files=3))
    record((), (), Tally(files=4))
    return ENDED


def die(*_: Any) -> recrawl.Ended:
    os.kill(os.getpid(), signal.SIGABRT)
    return ENDED


def break_down(*_: Any) -> recrawl.Ended:
    raise LookupError("of the crawl")


def want_memory(*_: Any) -> recrawl.Ended:
    raise MemoryError


def list_what_is_open(*_: Any) -> recrawl.Ended:
    kinds = {"sockets": stat.S_ISSOCK, "files": stat.S_ISREG, "pipes": stat.S_ISFIFO}
    found = dict.fromkeys(kinds, 0)
    for descriptor in range(3, 256):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        for kind, is_one in kinds.items():
            found[kind] += is_one(mode)
    return recrawl.Ended(Tally(), None, found)


def wait_for_sigterm(_: Scope, __: Sequence[Report], record: Record, ___: Settings) -> recrawl.Ended:
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    record((), (), Tally())
    while not stopped:
        signal.sigtimedwait([], 0.05)
    return recrawl.Ended(Tally(), "interrupted", {})


# --- the parent, itself in a process of its own: it forks, and has signals of its own ---


def said_by(name: str, scope: Scope = ORDER.scope, store_ports: tuple[int, ...] = ()) -> list[CrawlMessage]:
    recrawl.run = globals()[name]
    with crawl_process.started(scope, ORDER.reports, Settings(), store_ports=store_ports) as said:
        return list(said)


def said_by_one_that_inherits_much(name: str) -> list[CrawlMessage]:
    with socket.socketpair()[0], Path(__file__).open(), socket.socket():
        return said_by(name)


def ask_the_group_to_stop() -> list[CrawlMessage]:
    os.setpgrp()
    before = signal.getsignal(signal.SIGTERM)
    recrawl.run = wait_for_sigterm
    with crawl_process.started(ORDER.scope, ORDER.reports, Settings()) as said:
        some = [next(said), next(said)]
        os.killpg(os.getpgrp(), signal.SIGTERM)
        some += said
    assert signal.getsignal(signal.SIGTERM) == before
    return some


def stop_when_asked() -> list[CrawlMessage]:
    """The store says that the run is over while the child is silent."""
    recrawl.run = wait_for_sigterm
    is_over = False
    with crawl_process.started(ORDER.scope, ORDER.reports, Settings(), is_to_stop=lambda: is_over) as said:
        some = [next(said), next(said)]
        is_over = True
        some += said
    return some


def leave_early() -> bool:
    recrawl.run = wait_for_sigterm
    with crawl_process.started(ORDER.scope, ORDER.reports, Settings()) as said:
        next(said)
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def die_while_it_crawls(note: str) -> None:
    recrawl.run = wait_for_sigterm
    with crawl_process.started(ORDER.scope, ORDER.reports, Settings()) as said:
        next(said)
        [child] = multiprocessing.active_children()
        Path(note).write_text(str(child.pid))
        os.kill(os.getpid(), signal.SIGKILL)


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes() == b""  # nobody waited for it yet
    except OSError:
        return True


def test_the_child_says_what_contains_it_then_what_it_found_then_how_it_ended() -> None:
    contained, first, second, third, last = run(said_by, "say_much")
    assert isinstance(contained, Contained)
    assert contained.enforced["is_on"] is True
    assert [len(one.sightings) for one in (first, second, third)] == [crawl_messages.MOST_AT_ONCE, 1, 0]
    assert [one.tally.files for one in (first, second, third)] == [3, 3, 4]
    assert last == Finished(stopped_by=None, suggestions={})


def test_the_child_holds_its_log_and_its_pipe_and_nothing_else() -> None:
    last = run(said_by_one_that_inherits_much, "list_what_is_open")[-1]
    assert last == Finished(stopped_by=None, suggestions={"sockets": 0, "files": 0, "pipes": 1})


@pytest.mark.parametrize(
    ("name", "said"), [("die", "the crawl process ended with -6"), ("break_down", "LookupError: of the crawl")]
)
def test_a_child_that_did_not_come_to_its_end_is_an_error(name: str, said: str) -> None:
    with pytest.raises(CrawlDied, match=said):
        run(said_by, name)


def test_what_cannot_be_done_here_is_given_up() -> None:
    assert run(said_by, "want_memory")[-1] == GivenUp(reason=f"out of memory: MEMORY_BYTES is {2**32}")


def test_no_recrawl_opens_the_port_of_the_store() -> None:
    [last] = run(said_by, "say_much", ORDER.scope, (6379, 443))
    assert isinstance(last, GivenUp)
    assert last.reason.startswith("port 443 is also the store's port")


def test_a_request_to_stop_is_for_the_child_which_ends_in_order() -> None:
    assert run(ask_the_group_to_stop)[-1] == Finished(stopped_by="interrupted", suggestions={})


def test_a_child_whose_run_is_over_ends_its_recrawl_in_order() -> None:
    assert run(stop_when_asked)[-1] == Finished(stopped_by="interrupted", suggestions={})


def test_nothing_is_left_of_a_child_whose_words_nobody_wants() -> None:
    assert run(leave_early) is True


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    note = tmp_path / "child"
    with pytest.raises(Died):
        run(die_while_it_crawls, str(note))
    child = int(note.read_text())
    assert eventually(lambda: has_ended(child))


# --- what a child says when it was taken over ---


def say(messages: Sequence[bytes]) -> Iterator[CrawlMessage]:
    receiver, sender = crawl_process._context.Pipe(duplex=False)
    for one in messages:
        sender.send_bytes(one)
    child = crawl_process._context.Process()
    return crawl_process._messages_of(receiver, child, ORDER.scope, ORDER.reports, lambda: False)


CONTAINED = Contained(enforced={}).model_dump_json().encode()
FOUND = Found(sightings=(), skips=(), tally=Tally()).model_dump_json().encode()


@pytest.mark.parametrize("messages", [[FOUND], [CONTAINED, CONTAINED], [CONTAINED, FOUND, CONTAINED]])
def test_what_contains_a_process_is_said_first_and_once(messages: list[bytes]) -> None:
    with pytest.raises(MessageRefused, match="at the wrong time"):
        list(say(messages))


def test_a_message_is_bounded_before_it_is_read() -> None:
    receiver, sender = crawl_process._context.Pipe(duplex=False)
    os.write(sender.fileno(), (crawl_messages.MOST_BYTES + 1).to_bytes(4))
    child = crawl_process._context.Process()
    with pytest.raises(MessageRefused, match="a message of more than"):
        next(crawl_process._messages_of(receiver, child, ORDER.scope, ORDER.reports, lambda: False))
