"""Writes the bill of materials of a wheel, CycloneDX 1.6 in JSON, from requirements.lock alone.

    python deployment/sbom.py requirements.lock dist/orbweaver-0.1.0-py3-none-any.whl SECONDS > SBOM

SECONDS is the time of the commit since 1970. The same lock, wheel and time give the same bytes. The lock is that of
`make lock`: each package with its version, where it is needed (a marker), the SHA-256 of its files, and by whom.
https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

PACKAGE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==(?P<version>[^\s;]+)(?: *; *(?P<marker>[^\\]+?))? *\\?"
)
HASH = re.compile(r" +--hash=sha256:(?P<digest>[0-9a-f]{64}) *\\?")
BY_ONE = re.compile(r" +# via (?P<name>.+)")
BY_MORE = re.compile(r" +#   (?P<name>.+)")
WHEEL = re.compile(r"(?P<name>\w+)-(?P<version>[^-]+)-.+\.whl")
US = "orbweaver (pyproject.toml)"


@dataclass
class Package:
    """A line of the lock with what stands below it; there are several where the version depends on a marker."""

    name: str
    version: str
    marker: str
    digests: list[str] = field(default_factory=list)
    needed_by: list[str] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """Its package URL: https://github.com/package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Package]:
    """Return the packages of a lock; raises ValueError with the line that is none of a lock's."""
    packages: list[Package] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if found := PACKAGE.fullmatch(line):
            packages.append(Package(found["name"], found["version"], found["marker"] or ""))
        elif packages and (found := HASH.fullmatch(line)):
            packages[-1].digests.append(found["digest"])
        elif packages and ((found := BY_ONE.fullmatch(line) or BY_MORE.fullmatch(line)) or line == "    # via"):
            if found and not found["name"].startswith("-c "):
                packages[-1].needed_by.append(found["name"])
        else:
            raise ValueError(f"line {number} is no line of a lock: {line}")
    return packages


def bill_of(packages: list[Package], wheel: Path, made_at: datetime) -> dict[str, Any]:
    """Return the bill of a wheel and what it is installed with."""
    named = WHEEL.fullmatch(wheel.name)
    if named is None:
        raise ValueError(f"{wheel.name} is no wheel")
    us = f"pkg:pypi/{named['name']}@{named['version']}"
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    references = {name: [one.reference for one in packages if one.name == name] for name in {p.name for p in packages}}
    needs: dict[str, set[str]] = {us: set(), **{one.reference: set() for one in packages}}
    for one in packages:
        for name in one.needed_by:
            for reference in [us] if name == US else references[name]:
                needs[reference].add(one.reference)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{us}#{digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": us,
                "name": named["name"],
                "version": named["version"],
                "purl": us,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "hashes": [{"alg": "SHA-256", "content": digest}],
            },
        },
        "components": [_component(one) for one in packages],
        "dependencies": [{"ref": ref, "dependsOn": sorted(others)} for ref, others in sorted(needs.items())],
    }


def _component(package: Package) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.reference,
        "name": package.name,
        "version": package.version,
        "purl": package.reference,
        # Each digest is that of one file for one platform; none is that of the package as a whole.
        "externalReferences": [
            {
                "type": "distribution",
                "url": f"https://pypi.org/project/{package.name}/{package.version}/",
                "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.digests],
            }
        ],
    }
    if package.marker:
        component["properties"] = [{"name": "orbweaver:environment-marker", "value": package.marker}]
    return component


if __name__ == "__main__":
    lock, wheel, seconds = sys.argv[1:]
    bill = bill_of(read_lock(Path(lock).read_text()), Path(wheel), datetime.fromtimestamp(int(seconds), UTC))
    json.dump(bill, sys.stdout, indent=1)
    sys.stdout.write("\n")
