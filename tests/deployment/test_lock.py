"""A release is installed from a lock with a hash for every file, and its bill of materials is made of that."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
SBOM = runpy.run_path(str(ROOT / "deployment" / "sbom.py"))
read_lock: Callable[[str], list[Any]] = SBOM["read_lock"]
bill_of: Callable[[list[Any], Path, datetime], dict[str, Any]] = SBOM["bill_of"]
PACKAGES = read_lock(LOCK.read_text())
# What a release promises to be installed on.
MACHINES = [
    {"python_full_version": f"{minor}.0", "python_version": minor, "platform_machine": machine}
    | {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "extra": ""}
    | {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    for minor in ("3.11", "3.12", "3.13")
    for machine in ("x86_64", "aarch64")
]


def pinned() -> set[str]:
    return {f"{one.name}=={one.version}" for one in PACKAGES}


def test_every_package_has_the_hash_of_its_files() -> None:
    assert all(one.digests for one in PACKAGES)
    assert len(PACKAGES) > 40


def test_it_has_the_versions_that_the_tests_run_with() -> None:
    constraints = {line.partition(" ")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert pinned() - constraints == set(), "run: make lock"


@pytest.mark.parametrize("machine", MACHINES, ids=lambda one: f"{one['python_version']}-{one['platform_machine']}")
def test_each_machine_gets_one_version_of_all_that_we_ask_for(machine: dict[str, str]) -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    here = {}
    for one in PACKAGES:
        line = f"{one.name}=={one.version}" + (f" ; {one.marker}" if one.marker else "")
        marker = Requirement(line).marker
        if marker is None or marker.evaluate(machine):
            assert one.name not in here, one.name
            here[one.name] = Version(one.version)
    for requirement in map(Requirement, asked):
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert here[name] in requirement.specifier, f"{requirement}: run make lock"


def test_it_has_nothing_that_no_package_asks_for() -> None:
    names = {one.name for one in PACKAGES}
    assert all(one.needed_by for one in PACKAGES)
    assert {name for one in PACKAGES for name in one.needed_by} <= {*names, SBOM["US"]}
    assert not {"pytest", "mypy", "ruff", "hypothesis"} & names


@pytest.mark.parametrize(
    "line",
    [
        "requests",
        "requests>=2",
        "https://host.example/a.whl",
        "requests==2.1 --hash=md5:00",
        "-e .",
        "    # via",
        " # x",
    ],
)
def test_a_line_that_is_none_of_a_lock_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="line 1 is no line of a lock"):
        read_lock(line)


# --- the bill of materials ---

SECONDS = "1800000000"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wheel") / "orbweaver-0.1.0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


@pytest.fixture(scope="module")
def bill(wheel: Path) -> dict[str, Any]:
    return bill_of(PACKAGES, wheel, datetime.fromtimestamp(int(SECONDS), UTC))


def test_the_bill_names_every_package_of_the_lock_and_who_needs_it(bill: dict[str, Any]) -> None:
    assert {f"{one['name']}=={one['version']}" for one in bill["components"]} == pinned()
    files = sum(len(ref["hashes"]) for one in bill["components"] for ref in one["externalReferences"])
    assert files == LOCK.read_text().count("--hash=sha256:")
    needs = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    assert needs.keys() == {bill["metadata"]["component"]["bom-ref"], *(one["bom-ref"] for one in bill["components"])}
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ours = {re.sub("@.*", "", one).removeprefix("pkg:pypi/") for one in needs["pkg:pypi/orbweaver@0.1.0"]}
    assert ours == {canonicalize_name(Requirement(one).name) for one in asked}


def test_the_same_lock_wheel_and_time_give_the_same_bytes(wheel: Path, bill: dict[str, Any]) -> None:
    command = [sys.executable, ROOT / "deployment" / "sbom.py", LOCK, wheel, SECONDS]
    said = subprocess.run(command, capture_output=True, check=True).stdout
    assert said == (json.dumps(bill, indent=1) + "\n").encode()
    assert bill["metadata"]["timestamp"] == "2027-01-15T08:00:00Z"


def test_the_bill_is_cyclonedx(bill: dict[str, Any]) -> None:
    schemas = pytest.importorskip("cyclonedx.schema._res", reason="cyclonedx-python-lib, which has the schemas")
    jsonschema = pytest.importorskip("jsonschema")
    from referencing import Registry, Resource

    folder = Path(next(iter(schemas.__path__)))

    def read(name: str) -> Any:
        return json.loads((folder / f"{name}.SNAPSHOT.schema.json").read_text())

    names = [path.name.removesuffix(".SNAPSHOT.schema.json") for path in folder.glob("*.SNAPSHOT.schema.json")]
    others = {name: read(name) for name in names if not name.startswith("bom-")}
    # The bill's schema names them by their files.
    named = {f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json": one for name, one in others.items()}
    registry: Any = Registry().with_resources([(url, Resource.from_contents(one)) for url, one in named.items()])
    validator = jsonschema.Draft7Validator(read("bom-1.6"), registry=registry)
    assert [error.message for error in validator.iter_errors(bill)] == []
    assert list(validator.iter_errors({**bill, "components": [{"name": "x"}]}))
