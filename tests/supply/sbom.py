"""The bill of materials of what runs: CycloneDX 1.6, from the lock file alone, the same bytes for the same lock file.

python -m tests.supply.sbom > sbom.cdx.json
"""

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from app import __version__
from tests.supply.lockfile import Pin, read_pins

LOCK = Path(__file__).parents[2] / "requirements.lock"


def bill(pins: list[Pin]) -> dict[str, Any]:
    """The document."""
    ours = {"type": "application", "bom-ref": "tongtang", "name": "tongtang", "version": __version__}
    named = " ".join([__version__, *(f"{pin.name}=={pin.version}" for pin in pins)])
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, named)}",
        "version": 1,
        "metadata": {"component": ours},
        "components": [_component(pin) for pin in pins],
    }


def _component(pin: Pin) -> dict[str, Any]:
    purl = f"pkg:pypi/{pin.name.replace('_', '-')}@{pin.version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": pin.name,
        "version": pin.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": each} for each in pin.hashes],
    }


if __name__ == "__main__":
    json.dump(bill(list(read_pins(LOCK))), sys.stdout, indent=1)
    sys.stdout.write("\n")
