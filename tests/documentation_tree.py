"""Unpacks real documentation pages and images for the end-to-end test: `python documentation_tree.py DEST`.

They come from two wheels, pinned by their digest and read as plain ZIP archives: nothing is installed or run.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from shutil import rmtree
from zipfile import BadZipFile, ZipFile


@dataclass(frozen=True)
class Source:
    """One wheel, and which of its folders go where below the destination."""

    requirement: str
    sha256: str
    folder: str
    strip: str
    prefixes: tuple[str, ...]


SOURCES = (
    Source(
        requirement="pygame==2.6.1",
        sha256="ce8cc108b92de9b149b344ad2e25eedbe773af0dc41dfb24d1f07f679b558c60",
        folder="pygame",
        strip="pygame/",
        prefixes=("pygame/docs/",),
    ),
    Source(
        requirement="eric-ide==26.10",
        sha256="6864f0a7dc82f8a149c9f027e192716d6be85f01070bc0f5824f8c2fecf24112",
        folder="eric",
        strip="eric7/",
        prefixes=(
            "eric7/Documentation/Source/",
            "eric7/Plugins/UiExtensionPlugins/Translator/icons/",
            "eric7/WebBrowser/data/icons/",
            "eric7/icons/breeze-light/",
        ),
    ),
)
# One fixed platform, whatever the machine: the wheel must be the pinned one, and only its data is used.
PIP_DOWNLOAD = (
    *("-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"),
    *("--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64"),
)
IMAGES = frozenset({".gif", ".ico", ".jpg", ".png", ".svg"})
DATA = IMAGES | {".css", ".html", ".js", ".txt"}
START_PAGES = ("pygame/docs/generated/index.html", "eric/Documentation/Source/index.html", "icons.html")


class TreeError(Exception):
    """The tree cannot be made; the message is for the person who runs `make test`."""


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python documentation_tree.py DEST\n")
        return 2
    destination = Path(arguments[0])
    try:
        if not is_complete(destination):
            make_tree(destination)
    except (TreeError, OSError, BadZipFile) as error:
        sys.stderr.write(f"documentation_tree: {' '.join(str(error).split())}\n")
        return 1
    sys.stdout.write(f"{describe(destination)}\n")
    return 0


def is_complete(destination: Path) -> bool:
    """The index is written last and names the pins, so it stands for a whole tree of these wheels."""
    index = destination / "index.html"
    return index.is_file() and index.read_text(encoding="utf-8") == index_page()


def make_tree(destination: Path) -> None:
    destination.mkdir(parents=True, exist_ok=True)
    (destination / "index.html").unlink(missing_ok=True)
    for source in SOURCES:
        rmtree(destination / source.folder, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            unpack(download(source, Path(folder)), source, destination / source.folder)
    (destination / "icons.html").write_text(icons_page(destination), encoding="utf-8")
    (destination / "index.html").write_text(index_page(), encoding="utf-8")


def download(source: Source, folder: Path) -> Path:
    command = [sys.executable, *PIP_DOWNLOAD, "--dest", str(folder), source.requirement]
    pip = subprocess.run(command, check=False, capture_output=True, text=True)
    if pip.returncode != 0:
        reason = next((line for line in pip.stderr.splitlines() if line.startswith("ERROR")), pip.stderr[-300:])
        raise TreeError(f"pip could not download {source.requirement}: {reason}")
    (wheel,) = folder.glob("*.whl")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != source.sha256:
        raise TreeError(f"{wheel.name} has SHA-256 {digest}, expected {source.sha256}")
    return wheel


def unpack(wheel: Path, source: Source, folder: Path) -> None:
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            if not name.startswith(source.prefixes) or PurePosixPath(name).suffix not in DATA:
                continue
            target = folder / name.removeprefix(source.strip)
            if not target.resolve().is_relative_to(folder.resolve()):
                raise TreeError(f"{wheel.name} has a file outside its folder: {name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))


def index_page() -> str:
    links = "\n".join(f'<li><a href="{page}">{page}</a></li>' for page in START_PAGES)
    pins = ", ".join(f"{source.requirement} {source.sha256}" for source in SOURCES)
    return f"<!DOCTYPE html>\n<title>Documentation</title>\n<!-- {pins} -->\n<ul>\n{links}\n</ul>\n"


def icons_page(destination: Path) -> str:
    icons = sorted(
        path.relative_to(destination).as_posix()
        for path in files(destination)
        if path.suffix in IMAGES and "icons" in path.parts
    )
    images = "\n".join(f'<img src="{escape(icon)}" alt="">' for icon in icons)
    return f"<!DOCTYPE html>\n<title>Icons</title>\n{images}\n"


def files(destination: Path) -> Iterator[Path]:
    return (path for source in SOURCES for path in (destination / source.folder).rglob("*") if path.is_file())


def describe(destination: Path) -> str:
    suffixes = Counter(path.suffix for path in files(destination))
    pages = suffixes[".html"] + 2
    images = sum(suffixes[suffix] for suffix in IMAGES)
    return f"{destination}: {pages} pages, {images} images, {suffixes.total() + 2} files"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
