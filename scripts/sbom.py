"""The bill of materials of the two images in CycloneDX 1.6 (JSON), on standard output: `sbom.py > sbom.json`.

Read are the pinned lists that the images are built from: constraints.txt and the page's package-lock.json, of which
what is only needed to build is left out. Nothing is asked of the network; the same lists give the same document.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parents[1]
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)
_HASHES = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}


def python_packages() -> Iterator[dict[str, Any]]:
    for name, version in _PINNED.findall((REPOSITORY / "constraints.txt").read_text("utf-8")):
        purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
        yield {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def page_packages() -> Iterator[dict[str, Any]]:
    """Packages that the built page holds; each with the hash that npm checks it by."""
    lock = json.loads((REPOSITORY / "cdl-web-ui/package-lock.json").read_text("utf-8"))
    seen: set[str] = set()
    for path, entry in lock["packages"].items():
        if not path or any(map(entry.get, ("dev", "devOptional", "optional", "link"))):
            continue
        name = path.rpartition("node_modules/")[2]
        purl = f"pkg:npm/{quote(name, safe='/')}@{entry['version']}"
        if purl in seen:
            continue
        seen.add(purl)
        found = {"type": "library", "bom-ref": purl, "name": name, "version": entry["version"], "purl": purl}
        algorithm, _, digest = entry.get("integrity", "").partition(" ")[0].partition("-")
        if algorithm in _HASHES:
            found["hashes"] = [{"alg": _HASHES[algorithm], "content": base64.b64decode(digest).hex()}]
        if isinstance(entry.get("license"), str):
            found["licenses"] = [{"expression": entry["license"]}]
        yield found


def bill() -> dict[str, Any]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    components = sorted([*python_packages(), *page_packages()], key=lambda each: each["purl"])
    digest = hashlib.sha256(json.dumps(components, sort_keys=True).encode()).digest()
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "whisperengine",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": components,
        "dependencies": [{"ref": "whisperengine", "dependsOn": [each["bom-ref"] for each in components]}],
    }


if __name__ == "__main__":
    json.dump(bill(), sys.stdout, indent=2)
    print()
