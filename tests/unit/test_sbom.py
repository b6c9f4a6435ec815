"""The bill of materials names what the images hold."""

import json
import subprocess
import sys


def test_the_bill_of_materials_names_every_pinned_package_once(repository):
    def made() -> str:
        command = [sys.executable, "scripts/sbom.py"]
        return subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True).stdout

    bill = json.loads(made())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    refs = [each["bom-ref"] for each in bill["components"]]
    assert len(refs) == len(set(refs))
    pinned = [line for line in (repository / "constraints.txt").read_text().splitlines() if "==" in line]
    assert {ref.removeprefix("pkg:pypi/").replace("@", "==") for ref in refs if "pypi" in ref} == set(pinned)
    names = {each["name"] for each in bill["components"]}
    page = json.loads((repository / "cdl-web-ui/package.json").read_text())
    assert set(page["dependencies"]) <= names
    assert not set(page["devDependencies"]) & names
    assert all(each.get("hashes") for each in bill["components"] if each["purl"].startswith("pkg:npm/"))
    assert json.loads(made()) == bill
