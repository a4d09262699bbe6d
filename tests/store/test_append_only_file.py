"""What is only the end of a write that was cut off, what is more, and that nothing is cut off without a copy."""

from __future__ import annotations

import io
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from orbweaver.store import append_only_file
from orbweaver.store.append_only_file import Damage
from orbweaver.store.errors import StoreDamaged


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


SELECT = command(b"SELECT", b"0")
SET = command(b"SET", b"case", b"line one\r\n*line two\r\n$6")
BYTES = command(b"SET", b"packed", bytes(range(256)) * 40)
TRANSACTION = command(b"MULTI") + SET + BYTES + command(b"EXEC")
WHOLE = SELECT + SET + TRANSACTION + BYTES


def examined(content: bytes) -> Damage | None:
    return append_only_file.examine(io.BytesIO(content))


@pytest.mark.parametrize("content", [b"", SELECT, WHOLE, b"#TS:1764345600\r\n" + WHOLE, b"#" + b"x" * 50 + b"\r\n"])
def test_whole_files_are_whole(content: bytes) -> None:
    assert examined(content) is None


@pytest.mark.parametrize("zeros", [0, 1, 5_000])
def test_wherever_a_file_is_cut_its_end_is_damaged_and_the_commands_before_are_whole(zeros: int) -> None:
    ends = [len(SELECT), len(SELECT + SET), len(SELECT + SET + TRANSACTION), len(WHOLE)]
    places = [*range(1, len(SELECT + SET) + 40), *range(len(WHOLE) - 20, len(WHOLE))]
    for cut in places:
        damage = examined(WHOLE[:cut] + bytes(zeros))
        whole = max((end for end in ends if end <= cut), default=0)
        if cut in ends and not zeros:
            assert damage is None
        else:
            assert damage == Damage(whole, cut + zeros, is_at_end=True), cut


def test_a_transaction_that_never_ended_is_cut_off_as_one() -> None:
    unfinished = command(b"MULTI") + SET + BYTES
    assert examined(WHOLE + unfinished) == Damage(len(WHOLE), len(WHOLE + unfinished), is_at_end=True)
    assert examined(WHOLE + unfinished[:-3]) == Damage(len(WHOLE), len(WHOLE + unfinished) - 3, is_at_end=True)


def test_zeros_alone_are_a_damaged_end() -> None:
    assert examined(bytes(3_000_000)) == Damage(0, 3_000_000, is_at_end=True)
    assert examined(WHOLE + bytes(2**20)) == Damage(len(WHOLE), len(WHOLE) + 2**20, is_at_end=True)


@pytest.mark.parametrize(
    "damaged",
    [
        SET.replace(b"$4", b"$9000"),  # the server takes all that follows for one word that was cut off
        SET.replace(b"$4", b"$5"),
        SET.replace(b"*3", b"*4"),
        SET.replace(b"*3", b"*0"),
        SET.replace(b"*3", b"+3"),
        SET[:-1],
        bytes(100),
        b"\xff" * 100,
    ],
)
def test_damage_with_commands_behind_it_is_not_at_the_end(damaged: bytes) -> None:
    content = SELECT + damaged + WHOLE + BYTES * 300
    assert examined(content) == Damage(len(SELECT), len(content), is_at_end=False)


def test_what_is_no_command_at_the_end_is_not_taken_for_a_cut_off_one() -> None:
    assert examined(WHOLE + b"\xffgarbage") == Damage(len(WHOLE), len(WHOLE) + 8, is_at_end=False)
    assert examined(WHOLE + b"*x") == Damage(len(WHOLE), len(WHOLE) + 2, is_at_end=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory whose file ends inside a write."""
    folder = tmp_path / "store" / append_only_file.FOLDER
    folder.mkdir(parents=True)
    (folder / append_only_file.MANIFEST).write_text(
        "file appendonly.aof.2.base.rdb seq 2 type b\nfile appendonly.aof.2.incr.aof seq 2 type i\n"
    )
    (folder / "appendonly.aof.2.incr.aof").write_bytes(WHOLE + SET[:-4])
    return tmp_path / "store"


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 100 bytes: the nearest to a full disk that a test can have without a mount."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, unlimited[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)


def test_a_damaged_end_is_cut_off_and_the_file_as_it_was_is_kept_and_named(data: Path) -> None:
    said: list[str] = []
    file = append_only_file.last_file(data)
    assert file is not None
    assert append_only_file.mend(data, data.parent, said.append)
    [copy] = list(data.parent.glob("damaged-*.aof"))
    assert file.read_bytes() == WHOLE
    assert copy.read_bytes() == WHOLE + SET[:-4]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert said == [
        f"{file} ended with {len(SET) - 4} bytes of an unfinished write, after a crash or on a full disk: they "
        f"were cut off, and a copy of the damaged file is kept as {copy}"
    ]
    assert not append_only_file.mend(data, data.parent, said.append)


def test_without_room_for_the_copy_nothing_is_cut_off(data: Path, small_disk: None) -> None:
    with pytest.raises(StoreDamaged, match=r"copy .* cannot be made in .* \(File too large\): make room for [0-9,]+"):
        append_only_file.mend(data, data.parent, lambda _: None)
    file = append_only_file.last_file(data)
    assert file is not None
    assert file.read_bytes() == WHOLE + SET[:-4]
    assert list(data.parent.glob("damaged-*.aof")) == []


def test_a_folder_whose_manifest_names_no_file_is_not_mended(data: Path) -> None:
    manifest = data / append_only_file.FOLDER / append_only_file.MANIFEST
    for content in (b"", b"\xff\xfe", b"file appendonly.aof.2.base.rdb seq 2 type b\n", b"file gone seq 1 type i\n"):
        manifest.write_bytes(content)
        assert append_only_file.last_file(data) is None
    manifest.unlink()
    assert not append_only_file.mend(data, data.parent, lambda _: None)
