"""openstacksdk's own functional tests for bare metal, all of them, unmodified, against a real controller."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.controller_process import controller_process
from tests.integration.with_ramdisk import WITH_RAMDISK

CLIENT = Path(__file__).resolve().parents[2] / "build/peers/client"
TESTS = "openstack.tests.functional.baremetal"
CLOUDS = (
    "devstack",
    "devstack-admin",
    "devstack-alt",
    "devstack-alt-member",
    "devstack-alt-reader",
    "devstack-system-admin",
)
"""Users of the suite; a controller without authentication makes no difference between them."""
ABSENT = ("compute", "image", "network")
NOT_YET: frozenset[str] = frozenset()
"""What fails, and why it does."""

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CLIENT.exists(), reason="make peers"),
]


def write_clouds(file: Path, url: str) -> None:
    cloud = {
        "auth_type": "none",
        "auth": {"endpoint": url},
        "baremetal_endpoint_override": url,
        "region_name": "here",
        **{f"has_{service}": False for service in ABSENT},
    }
    file.write_text(json.dumps({"clouds": dict.fromkeys(CLOUDS, cloud)}))


def test_every_functional_test_of_openstacksdk_passes(tmp_path: Path) -> None:
    (packages,) = CLIENT.glob("lib/python3*/site-packages")
    as_shipped = dict.fromkeys(WITH_RAMDISK, "")  # fake hardware needs no ramdisk
    with controller_process(tmp_path, **as_shipped) as url:
        write_clouds(tmp_path / "clouds.yaml", url)
        found = subprocess.run(
            [
                *(CLIENT / "bin/python", "-m", "testtools.run", "discover"),
                *("-s", packages / TESTS.replace(".", "/"), "-t", packages),
            ],
            env={
                **os.environ,
                "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
                "OS_TEST_TIMEOUT": "300",
                "HOME": str(tmp_path),
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=800,
            check=False,
        )
    said = found.stdout + found.stderr
    failed = set(
        re.findall(rf"^(?:ERROR|FAIL): {re.escape(TESTS)}\.v1\.(\S+)$", said, re.MULTILINE)
    )
    ran = re.search(r"^Ran (\d+) tests", said, re.MULTILINE)
    assert ran, said[-3000:]
    assert int(ran[1]) >= 96
    assert failed == NOT_YET, said[-6000:]
