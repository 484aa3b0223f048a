"""ironic-python-agent's own code that writes an image: ``build/peers/ipa/bin/python real_agent.py stream|file URL SHA256 DEVICE FORMAT``.

Only what waits for hardware that is not here is replaced: udev and the partition nodes of a loop device. A flush at the
end is added (the agent leaves it to a later ``sync``).
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import ironic_python_agent.config  # type: ignore[import-not-found]  # noqa: F401  # registers options
from ironic_python_agent import disk_utils
from ironic_python_agent.extensions import standby  # type: ignore[import-not-found]
from oslo_config import cfg


def no_wait(*_arguments: Any, **_named: Any) -> None:
    """Do not wait for devices that do not come."""


def main(mode: str, url: str, sha256: str, device: str, disk_format: str) -> None:
    """Write the image, and print what that alone took: the agent runs already when an order comes."""
    cfg.CONF([], project="ironic-python-agent")
    for name in ("udev_settle", "trigger_device_rescan", "wait_for_disk_to_become_available"):
        setattr(disk_utils, name, no_wait)
    info = {
        "id": "bench-image",
        "urls": [url],
        "os_hash_algo": "sha256",
        "os_hash_value": sha256,
        "disk_format": disk_format,
        "image_type": "whole-disk",
        "stream_raw_images": mode == "stream",
    }
    extension = standby.StandbyExtension()
    extension.partition_uuids = {}
    cpu_before_s, started = sum(os.times()[:4]), time.monotonic()
    if mode == "stream":
        extension._stream_raw_image_onto_device(info, device)
    else:
        standby._download_image(info)
        standby._write_image(info, device)
        Path(standby._image_location(info)).unlink()
    fd = os.open(device, os.O_WRONLY)
    os.fsync(fd)
    os.close(fd)
    seconds = time.monotonic() - started
    print(json.dumps({"seconds": seconds, "cpu_before_s": cpu_before_s}))  # noqa: T201  # the harness reads it


if __name__ == "__main__":
    main(*sys.argv[1:])
