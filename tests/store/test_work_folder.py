"""A folder for the work of one command is there as long as its maker lives, and the next one removes it otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from orbweaver.store import work_folder


def names(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir())


def test_what_a_dead_maker_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".work-left").mkdir()
    (tmp_path / ".work-left" / "copy").write_text("half of a copy")
    (tmp_path / ".work-file").write_text("of somebody")
    (tmp_path / "kept").mkdir()
    (tmp_path / ".work-link").symlink_to(tmp_path / "kept")
    with work_folder.made(".work-", tmp_path) as first:
        assert first.stat().st_mode & 0o777 == 0o700
        with work_folder.made(".work-", tmp_path) as second:
            assert names(tmp_path) == sorted([".work-file", ".work-link", first.name, second.name, "kept"])
    assert names(tmp_path) == [".work-file", ".work-link", "kept"]


def test_it_is_removed_after_an_error_too(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), work_folder.made(".work-", tmp_path) as folder:
        (folder / "missing" / "file").write_text("")
    assert names(tmp_path) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another user")
def test_what_another_user_left_stays(tmp_path: Path) -> None:
    (tmp_path / ".work-theirs").mkdir()
    os.chown(tmp_path / ".work-theirs", 65_534, 65_534)
    work_folder.remove_left(".work-", tmp_path)
    assert names(tmp_path) == [".work-theirs"]
