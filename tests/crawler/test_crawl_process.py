"""The child that crawls: how it is started, what it holds, how it ends, and that nothing of it is left."""

from __future__ import annotations

import inspect
import os
import select
import signal
import socket
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from builders import a_sighting, an_order
from contained import Died, run
from orbweaver.crawler import crawl_messages, recrawl
from orbweaver.crawler.crawl_messages import Contained, CrawlMessage, Finished, Found, GivenUp
from orbweaver.crawler.crawl_process import CrawlProcess
from orbweaver.crawler.errors import CrawlDied, MessageRefused
from orbweaver.crawler.fetching.pace.pace_board import PaceBoard
from orbweaver.crawler.fetching.pace.shared_pace import SharedPace
from orbweaver.crawler.message_checks import MessageStream
from orbweaver.crawler.visiting.records.journal import Record
from orbweaver.model import Report, Scope, Tally
from orbweaver.settings import Settings
from orbweaver_command import eventually

ORDER = an_order()
ENDED = recrawl.Ended(Tally(), None, {})


# --- what the child does instead of crawling ---


def say_much(_: Scope, __: Sequence[Report], record: Record, ___: Settings, **____: object) -> recrawl.Ended:
    record([a_sighting(url=f"http://h.test/{n}") for n in range(crawl_messages.MOST_AT_ONCE + 1)], (), Tally(files=3))
    record((), (), Tally(files=4))
    return ENDED


def die(*_: Any, **__: Any) -> recrawl.Ended:
    os.kill(os.getpid(), signal.SIGABRT)
    return ENDED


def break_down(*_: Any, **__: Any) -> recrawl.Ended:
    raise LookupError("of the crawl")


def want_memory(*_: Any, **__: Any) -> recrawl.Ended:
    raise MemoryError


def list_what_is_open(*_: Any, **__: Any) -> recrawl.Ended:
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


def wait_for_sigterm(_: Scope, __: Sequence[Report], record: Record, ___: Settings, **____: object) -> recrawl.Ended:
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    record((), (), Tally())
    while not stopped:
        signal.sigtimedwait([], 0.05)
    return recrawl.Ended(Tally(), "interrupted", {})


def obey_nobody(_: Scope, __: Sequence[Report], record: Record, ___: Settings, **____: object) -> recrawl.Ended:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    record((), (), Tally())
    while True:
        signal.sigtimedwait([], 1)  # the sandbox has no pause


def close_the_pipe_and_stay(
    _: Scope, __: Sequence[Report], ___: Record, ____: Settings, **_____: object
) -> recrawl.Ended:
    os.closerange(3, 256)
    while True:
        signal.sigtimedwait([], 1)  # the sandbox has no pause


def say_half_a_message_when_told(
    _: Scope, __: Sequence[Report], record: Record, ___: Settings, **____: object
) -> recrawl.Ended:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    record((), (), Tally())
    while not told:
        signal.sigtimedwait([], 0.05)
    os.write(inspect.getclosurevars(record).nonlocals["sender"], b'{"kind": "found",')
    while True:
        signal.sigtimedwait([], 1)


def list_the_boards(*_: Any, pace: SharedPace, **__: Any) -> recrawl.Ended:
    """Say on the own board that one request is under way, and how many boards there are."""
    pace.board.say_under_way(3, 7)
    maps = Path("/proc/self/maps").read_text().splitlines()
    return recrawl.Ended(Tally(), None, {"boards": sum("/memfd:pace" in line and "rw-s" in line for line in maps)})


# --- the parent, itself in a process of its own: it forks, and has signals of its own ---


def said_by_two_with_boards() -> list[tuple[CrawlMessage, int]]:
    recrawl.run = list_the_boards
    boards = [PaceBoard(), PaceBoard()]
    said = []
    for board in boards:
        with CrawlProcess(ORDER.scope, ORDER.reports, Settings(sandbox="off"), board=board) as process:
            said.append((list(process)[-1], board.under_way(3)))
    return said


def said_by(name: str, scope: Scope = ORDER.scope, store_ports: tuple[int, ...] = ()) -> list[CrawlMessage]:
    recrawl.run = globals()[name]
    with CrawlProcess(scope, ORDER.reports, Settings(), store_ports=store_ports) as said:
        return list(said)


def said_by_one_that_inherits_much(name: str) -> list[CrawlMessage]:
    with socket.socketpair()[0], Path(__file__).open(), socket.socket():
        return said_by(name)


def stop_while_it_crawls() -> list[CrawlMessage]:
    recrawl.run = wait_for_sigterm
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as process:
        said = iter(process)
        some = [next(said), next(said)]
        process.tell_to_stop()
        process.tell_to_stop()
        process.end_if_disobedient()
        some += said
    return some


def stop_one_that_does_not_obey() -> list[CrawlMessage]:
    recrawl.run = obey_nobody
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as process:
        said = iter(process)
        some = [next(said), next(said)]
        process.tell_to_stop(within=0)
        process.end_if_disobedient()
        some += said
    return some


def read_one_that_closed_its_pipe() -> list[CrawlMessage]:
    recrawl.run = close_the_pipe_and_stay
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as said:
        return list(said)


def read_many_while_one_says_half_a_message() -> list[CrawlMessage | None]:
    recrawl.run = say_half_a_message_when_told
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as half:
        said = iter(half)
        some: list[CrawlMessage | None] = [next(said), next(said)]
        half.tell_to_stop()
        select.select([half], [], [])
        half.receive()
        some.append(half.next_message())  # and does not wait for the other half
        half.receive()
        some.append(half.next_message())
    return some


def leave_early() -> bool:
    recrawl.run = wait_for_sigterm
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as said:
        next(iter(said))
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


def die_while_it_crawls(note: str) -> None:
    recrawl.run = wait_for_sigterm
    with CrawlProcess(ORDER.scope, ORDER.reports, Settings()) as said:
        next(iter(said))
        Path(note).write_text(str(said.process_id))
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
    assert last == Finished(stopped_by=None, suggestions={}, answers={})


def test_the_child_holds_its_log_and_its_pipe_and_nothing_else() -> None:
    last = run(said_by_one_that_inherits_much, "list_what_is_open")[-1]
    assert last == Finished(stopped_by=None, suggestions={"sockets": 0, "files": 0, "pipes": 1}, answers={})


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


def test_a_child_that_is_told_to_stop_ends_its_recrawl_in_order() -> None:
    assert run(stop_while_it_crawls)[-1] == Finished(stopped_by="interrupted", suggestions={}, answers={})


@pytest.mark.parametrize("name", ["stop_one_that_does_not_obey", "read_one_that_closed_its_pipe"])
def test_a_child_that_does_not_end_is_ended(name: str) -> None:
    with pytest.raises(CrawlDied, match="the crawl process ended with -9"):
        run(globals()[name])


def test_nobody_waits_for_the_rest_of_a_message() -> None:
    contained, found, *others = run(read_many_while_one_says_half_a_message)
    assert isinstance(contained, Contained)
    assert isinstance(found, Found)
    assert others == [None, None]


def test_nothing_is_left_of_a_child_whose_words_nobody_wants() -> None:
    assert run(leave_early) is True


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    note = tmp_path / "child"
    with pytest.raises(Died):
        run(die_while_it_crawls, str(note))
    child = int(note.read_text())
    assert eventually(lambda: has_ended(child))


# --- what a child says when it was taken over ---


def say(messages: Sequence[bytes], piece_bytes: int = 2**20) -> list[CrawlMessage]:
    stream = MessageStream(ORDER.scope, ORDER.reports)
    said = b"".join(one + b"\n" for one in messages)
    heard = []
    for start in range(0, len(said), piece_bytes):
        stream.feed(said[start : start + piece_bytes])
        while (message := stream.next_message()) is not None:
            heard.append(message)
    return heard


CONTAINED = Contained(enforced={}).model_dump_json().encode()
FOUND = Found(sightings=(), skips=(), tally=Tally()).model_dump_json().encode()


@pytest.mark.parametrize("messages", [[FOUND], [CONTAINED, CONTAINED], [CONTAINED, FOUND, CONTAINED]])
def test_what_contains_a_process_is_said_first_and_once(messages: list[bytes]) -> None:
    with pytest.raises(MessageRefused, match="at the wrong time"):
        list(say(messages))


@pytest.mark.parametrize("piece_bytes", [1, 7, 2**20])
def test_messages_are_read_however_the_pipe_cuts_them(piece_bytes: int) -> None:
    assert [one.kind for one in say([CONTAINED, FOUND, FOUND], piece_bytes)] == ["contained", "found", "found"]


def test_a_message_is_bounded_before_it_is_read() -> None:
    stream = MessageStream(ORDER.scope, ORDER.reports)
    stream.feed(b"x" * crawl_messages.MOST_BYTES)
    with pytest.raises(MessageRefused, match="a message of more than"):
        stream.feed(b"x")


def test_it_shares_one_page_with_its_worker_and_has_that_of_no_other() -> None:
    assert [(one.suggestions["boards"], said) for one, said in run(said_by_two_with_boards)] == [(1, 7), (1, 7)]
