"""Archives: their members are files, too."""

from __future__ import annotations

from bench.recall.site import Archive, Site, site

MEMBERS = ("one.jpg", "dir/two.png")


NOT_READ = "no reader of this form runs in the sandbox; a line in skipped.jsonl says so"


def archive(name: str, form: str, path: str, members: tuple[str, ...] = MEMBERS, left_out: str = "") -> Site:
    labels = " ".join(f"{path}!/{member}" for member in members)
    return site("archives", name, f"<a href={path}>download</a>", archives={path: Archive(form, members)},
                shown=path, more=labels, left_out=left_out)  # fmt: skip


SITES = (
    archive("ZIP", "zip", "/a.zip"),
    archive("ZIP, stored", "zip stored", "/a.zip"),
    archive("ZIP by bzip2", "zip bzip2", "/a.zip"),
    archive("ZIP by lzma", "zip lzma", "/a.zip", left_out=NOT_READ),
    archive("ZIP that was packed while it was sent", "zip while it is sent", "/a.zip"),
    archive("ZIP with another ending", "zip", "/a.cbz"),
    archive("ZIP without an ending", "zip", "/download?id=1"),
    archive("ZIP in a ZIP", "zip in zip", "/a.zip"),
    archive("ZIP behind a picture", "zip behind a picture", "/a.jpg"),
    archive("program that unpacks itself", "zip behind a program", "/a.exe"),
    archive("TAR", "tar", "/a.tar"),
    archive("TAR, ustar", "tar ustar", "/a.tar", ("one.jpg", "d" * 90 + "/two.png")),
    archive("TAR of GNU with long names", "tar gnu", "/a.tar", ("one.jpg", "d" * 120 + "/two.png")),
    archive("TAR with long names", "tar", "/a.tar", ("one.jpg", "d" * 120 + "/two.png")),
    archive("TAR by gzip", "tar gzip", "/a.tar.gz"),
    archive("TAR by gzip with another ending", "tar gzip", "/a.tgz"),
    archive("TAR by bzip2", "tar bzip2", "/a.tar.bz2"),
    archive("TAR by xz", "tar xz", "/a.tar.xz"),
    archive("TAR by zstd", "tar zstd", "/a.tar.zst"),
    archive("comic book as TAR", "tar", "/a.cbt"),
    archive("TAR in a ZIP", "tar in zip", "/a.zip"),
    archive("ZIP in a TAR by gzip", "zip in tar gzip", "/a.tar.gz"),
    archive("a file by gzip", "gzip", "/a.jpg.gz", ("a.jpg",)),
    archive("7z", "7z", "/a.7z", left_out=NOT_READ),
    archive("RAR", "rar", "/a.rar", left_out=NOT_READ),
    archive("comic book as RAR", "rar", "/a.cbr", left_out=NOT_READ),
)  # fmt: skip
