"""Runs in the deploy ramdisk, whose kernel's bridges filter VLANs: drives one by the sample script and prints who hears whom, as JSON."""

import json
import sys
from pathlib import Path

from tests.integration.bridge_site import bridge_site

_PEERS = {"m1": 0, "cleaners": 10, "tenant": 300}
_OTHERS = ("cleaners", "tenant")
_SETTINGS = (
    "access/native_vlan=10",
    "access/native_vlan=300",
    "trunk/native_vlan=300/allowed_vlans=10,400-402",
    "access/native_vlan=300",
    None,
)


def main() -> None:
    """Set the port of ``m1`` to one thing after the other."""
    told = []
    with bridge_site(Path("/tmp"), has_filtering=True) as site:
        site.plug_in(_PEERS)
        for wanted in _SETTINGS:
            site.attach("m1", wanted)
            found = site.read("m1")
            told.append(
                {
                    "wanted": wanted,
                    "found": None if found is None else str(found),
                    "heard": site.heard("m1", _OTHERS),
                    "tagged": [one for one in _OTHERS if site.passes("m1", one, tag=10)],
                }
            )
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
