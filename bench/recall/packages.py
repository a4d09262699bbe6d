"""Pages of gallery, lightbox, player and documentation programs, as their packages ship them, pinned by digest."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A package, the SHA-256 of its file, and its folder of pages; `registry` is npm, PyPI or Debian."""

    name: str
    version: str
    sha256: str
    shows: str
    folder: str = "package"
    registry: str = "npm"


# ruff: noqa: E501 - a package is a line
PACKAGES = (
    Package("lightbox2", "2.12.0", "c3de2a0599f6497ff0045df5c7c0f54d4139cb80e38fa45454ada25a5b695605", "Lightbox"),
    Package("photoswipe", "4.1.3", "a90cfd00c9593974868d99f17b9d581e86d757328a9c40e23e7733666fe8a030", "PhotoSwipe"),
    Package("@fancyapps/fancybox", "3.5.7", "4ec5f1cbef46ddabcce0abd42406c4d0881a96e122b793c863156d74331a7be4", "fancybox"),
    Package("jquery-colorbox", "1.6.4", "9dc4a1383ab00890d4719174aeb9042bc3c1d552134f287a9bb1d5fbb0b4b2f3", "Colorbox"),
    Package("simplelightbox", "2.14.3", "6bcf69f7d7cc42f059493ac2c1655908d075fe30b13c702032bdb5c65370ee34", "SimpleLightbox"),
    Package("lightgallery", "1.10.0", "5fa1645a79e691ac0f590c973506010a2de16092e283c8646c6016045b271d3e", "lightGallery"),
    Package("galleria", "1.6.1", "335e242149a65046ce41c03f33d20d5fe2ff8308df80930bc82e3f8dba5ec8d1", "Galleria"),
    Package("flickity", "3.0.0", "e6502268d33c00fac92b7f22b3256e5e8307bf75c2b938d615c90eb2e838db19", "Flickity"),
    Package("magnific-popup", "1.2.0", "fc807caa06adf8f055bcb3a8da43b5e09347583e701cc02a670072c15c9c6c51", "Magnific Popup"),
    Package("uikit", "3.25.29", "d1510e125df162f473fd009692723d9ca474f3ea908db097eb8fc15baadc210c", "UIkit"),
    Package("jplayer", "2.9.2", "e93fa43d84f58b6ae48adf47cc3f4b155077cb6f0a4805504fcc20283823f9de", "jPlayer"),
    Package("video.js", "8.24.1", "ae4c208cb6e8d1f42af45009bfcaead2e5e6ee2de58cf7a67b9413e7ff87a5fd", "video.js"),
    Package("hls.js", "0.12.4", "c8b8972d6cb95017af8e5c066eb874ffe5f846926a662525e3c6d658bebf444c", "hls.js"),
    Package("reveal.js", "4.6.1", "4f4121ef2b8e7e9398bdecd7b3b6ce5e0ee3a2f5af221708eb6c4ce03bcae6be", "reveal.js"),
    Package("admin-lte", "3.2.0", "92650fb9e582b9e01f691693be79b1213608a6282a7f062c139bfeafc8593df5", "AdminLTE"),
    Package(
        "startbootstrap-creative", "7.0.7", "746c2e46c5292e797358c90533ed695fbeb6ceff58ad7fd43284d93e9c3d0555",
        "Bootstrap theme", folder="package/dist",
    ),
    Package(
        "python-sphinx-gallery-doc", "0.10.1-3", "3cee1f8f9737a7b6f65db6a80bfc125c93cc6d39c5053683677c3c2999697a81",
        "Sphinx-Gallery", folder="usr/share/doc/python-sphinx-gallery-doc/html", registry="Debian",
    ),
    Package(
        "mkdocs-doc", "1.4.2+dfsg-2", "cc460d8a893ebc0aee62a1883693d833ff0b31af0475578299b90e0f793ee84f", "MkDocs",
        folder="usr/share/doc/mkdocs/html", registry="Debian",
    ),
    Package(
        "pygame", "2.6.1", "ce8cc108b92de9b149b344ad2e25eedbe773af0dc41dfb24d1f07f679b558c60", "Sphinx",
        folder="pygame/docs/generated", registry="PyPI",
    ),
)  # fmt: skip
PIP = (
    "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
    "--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux2014_x86_64",
)  # fmt: skip


def unpacked(package: Package, cache: Path) -> Path:
    """Return the folder of a package's pages, fetched now unless the cache has it; exits where it is another file."""
    whole = cache / f"{package.name.replace('/', '-').lstrip('@')}-{package.version}"
    if not whole.exists():
        unfinished = whole.with_name(whole.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        file = _fetch(package, unfinished)
        if hashlib.sha256(file.read_bytes()).hexdigest() != package.sha256:
            sys.exit(f"{file.name} is not the file that was pinned")
        if package.registry == "npm":
            with tarfile.open(file) as archive:
                archive.extractall(unfinished, filter="data")
        elif package.registry == "PyPI":
            with zipfile.ZipFile(file) as archive:
                archive.extractall(unfinished, [one for one in archive.namelist() if one.startswith(package.folder)])
        else:
            subprocess.run(["dpkg-deb", "--extract", file, unfinished], check=True)
        file.unlink()
        unfinished.rename(whole)
    return whole / package.folder


def _fetch(package: Package, folder: Path) -> Path:
    commands = {
        "npm": ["npm", "pack", "--silent", "--ignore-scripts", f"{package.name}@{package.version}"],
        "PyPI": [sys.executable, *PIP, f"{package.name}=={package.version}"],
        "Debian": ["apt-get", "download", "--quiet=2", f"{package.name}={package.version}"],
    }
    subprocess.run(
        commands[package.registry], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
    )
    [file] = folder.iterdir()
    return file
