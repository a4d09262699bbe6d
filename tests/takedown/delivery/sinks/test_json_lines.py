"""Events become whole lines of a file, on disk; a file that takes none says why."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from orbweaver.model import Event
from orbweaver.store import disk
from orbweaver.takedown.delivery.sinks.json_lines import JsonLinesSink
from orbweaver.takedown.errors import NotDelivered
from sink_events import an_event


def test_each_event_is_one_whole_line_and_earlier_ones_stay(tmp_path: Path) -> None:
    events = [an_event(), an_event(b"other")]
    for event in events:
        JsonLinesSink(tmp_path / "made" / "here").deliver(event)
    written = (tmp_path / "made/here/events.jsonl").read_bytes()
    assert written.endswith(b"\n")
    assert [Event.model_validate_json(line) for line in written.splitlines()] == events


def test_a_line_break_in_an_event_stays_inside_its_line(tmp_path: Path) -> None:
    event = an_event()
    event = event.model_copy(update={"case": event.case.model_copy(update={"content_type": "a\nb\r\u2028\x85é"})})
    JsonLinesSink(tmp_path).deliver(event)
    written = (tmp_path / "events.jsonl").read_bytes()
    [line] = written.decode("ascii").splitlines()  # takes more for a line's end than a line feed
    assert (json.loads(line)["case"]["content_type"], written[-1:]) == ("a\nb\r\u2028\x85é", b"\n")
    assert Event.model_validate_json(line) == event


def test_only_the_user_can_read_the_events(tmp_path: Path) -> None:
    JsonLinesSink(tmp_path).deliver(an_event())
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o600


def test_an_event_is_synced_before_it_counts_as_delivered(tmp_path: Path) -> None:
    # a device that takes writes and refuses to sync them: what is not on disk is not delivered
    (tmp_path / "events.jsonl").symlink_to("/dev/null")
    with pytest.raises(NotDelivered, match=r"events\.jsonl cannot be written \(Invalid argument\)"):
        JsonLinesSink(tmp_path).deliver(an_event())


def test_a_directory_that_cannot_be_written_is_not_delivered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotDelivered, match=r"file/events/events\.jsonl cannot be written \(Not a directory\)"):
        JsonLinesSink(tmp_path / "file" / "events").deliver(an_event())


def test_a_full_disk_is_not_delivered(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    with pytest.raises(NotDelivered, match="No space left on device"):
        JsonLinesSink(tmp_path).deliver(an_event())


def test_an_event_that_fits_only_in_part_leaves_no_part_behind(tmp_path: Path) -> None:
    sink, first, second = JsonLinesSink(tmp_path), an_event(), an_event(b"other")
    sink.deliver(first)
    file = tmp_path / "events.jsonl"
    size = file.stat().st_size
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, unlimited[1]))
    try:
        with pytest.raises(NotDelivered):
            sink.deliver(second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert file.stat().st_size == size
    sink.deliver(second)
    assert [Event.model_validate_json(line) for line in file.read_bytes().splitlines()] == [first, second]


def test_a_line_that_a_killed_writer_left_unfinished_spoils_no_other(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b'{"event_id": "unfin')
    event = an_event()
    JsonLinesSink(tmp_path).deliver(event)
    assert Event.model_validate_json((tmp_path / "events.jsonl").read_bytes().splitlines()[1]) == event


def test_lines_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from orbweaver.model import Event;"
        "from orbweaver.takedown.delivery.sinks.json_lines import JsonLinesSink;"
        "event = Event.model_validate_json(sys.argv[2]); sink = JsonLinesSink(Path(sys.argv[1]));"
        "[sink.deliver(event) for _ in range(50)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-P", "-c", script, str(tmp_path), an_event(body).model_dump_json()])
        for body in (b"one", b"other")
    ]
    assert [writer.wait() for writer in writers] == [os.EX_OK] * 2
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert len(lines) == 100
    assert set(lines) == {an_event(b"one").model_dump_json(), an_event(b"other").model_dump_json()}


def test_a_sink_that_can_be_written_has_no_complaint_and_is_left_as_it_was(tmp_path: Path) -> None:
    room = disk.complaint(disk.room_at(tmp_path))  # this machine's disk may be nearly full
    assert JsonLinesSink(tmp_path / "not" / "there").complaint() == room
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "events.jsonl").write_text("{}\n")
    assert JsonLinesSink(tmp_path).complaint() == room
    assert (tmp_path / "events.jsonl").read_text() == "{}\n"
    assert [one.name for one in tmp_path.iterdir()] == ["events.jsonl"]


def test_what_keeps_a_sink_from_taking_events_is_said_before_there_is_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "a" / "events.jsonl").mkdir(parents=True)
    assert JsonLinesSink(tmp_path / "file" / "below").complaint() == (True, f"{tmp_path / 'file'} is not a directory")
    path = tmp_path / "a" / "events.jsonl"
    assert JsonLinesSink(tmp_path / "a").complaint() == (True, f"{path} cannot be written (Is a directory)")


def test_a_sink_of_another_user_is_said(short_dir: Path) -> None:
    short_dir.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        assert JsonLinesSink(short_dir).complaint() == (True, f"{short_dir} cannot be written (Permission denied)")
    finally:
        if is_root:
            os.seteuid(0)
        short_dir.chmod(0o700)
