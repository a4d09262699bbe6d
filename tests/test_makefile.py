"""The Makefile says what to do when it cannot go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Debian's Python without the package python3-venv.
WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*|*venv*) exit 1;; esac\nexec {python} "$@"\n'


def test_a_python_without_venv_is_said_in_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(WITHOUT_VENV.format(python=sys.executable))
    python.chmod(0o755)
    command = ["make", "--silent", "demo", f"PYTHON={python}", f"VENV={tmp_path}/venv"]
    # As if nobody ran `make test`: a make inside a make says so in its own lines.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    said = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert done.returncode != 0
    assert said == [f"{python} cannot make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv"]
    assert not (tmp_path / "venv").exists()


def test_every_test_and_module_that_it_names_exists() -> None:
    text = (ROOT / "Makefile").read_text()
    paths = re.findall(r"\btests/[\w./]+", text)
    modules = [name.replace(".", "/") for name in re.findall(r"-m (bench[\w.]+)", text)]
    modules += [f"tests/{name.replace('.', '/')}" for name in re.findall(r"-m (fuzz[\w.]+)", text)]

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [one for one in modules if not any((ROOT / f"{one}{end}").exists() for end in (".py", "/__main__.py"))] == []
    assert len(paths) > 4
    assert len(modules) > 4
