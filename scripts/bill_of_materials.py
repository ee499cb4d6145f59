"""The bill of materials of an installation: `bill_of_materials.py PYPROJECT OUT`, CycloneDX JSON.

What runs at a carrier's, not what builds or tests it: the packages that edi834 needs, those that
they need, and so on, each with its version and licence. The rest of this environment is left out.
"""

import json
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed_at_run_time() -> set[str]:
    """The names of all packages without which an installation, with Spark, would not run."""
    known: set[tuple[str, str]] = set()
    waiting = [("edi834", ""), ("edi834", "spark")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in known:
            continue
        known.add((name, extra))
        for text in distribution(name).requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                named = canonicalize_name(requirement.name)
                waiting += [(named, ""), *((named, extra) for extra in requirement.extras)]
    return {name for name, _ in known} - {"edi834"}


def main(pyproject: str, out: str) -> None:
    """Writes the bill; the same environment gives the same bytes."""
    command = [
        *(sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible"),
        *("--pyproject", pyproject, "--of", "JSON", "-o", "-", sys.executable),
    ]
    bill = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603 - ours
    needed = needed_at_run_time()
    bill["components"] = [
        one for one in bill["components"] if canonicalize_name(one["name"]) in needed
    ]
    kept = {one["bom-ref"] for one in bill["components"]} | {"root-component"}
    bill["dependencies"] = [
        one | {"dependsOn": [ref for ref in one.get("dependsOn", ()) if ref in kept]}
        for one in bill["dependencies"]
        if one["ref"] in kept
    ]
    Path(out).write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
