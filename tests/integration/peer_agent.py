"""The real ironic-python-agent on a machine whose disks are loop devices: run it by ``build/peers/ipa/bin/python peer_agent.py FOLDER``.

Started by :mod:`tests.integration.ipa_machine` in a mount namespace of its own. Everything is the real agent's, but for what would reach
beyond the test: its disks are those of FOLDER/disks.json, it has one network card, logical disks are kept in a file, it starts only the
programs listed here, and its power switch is a file.
"""

import importlib
import json
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

IN_NAMESPACE = Path("/etc/ipa-test-agent")
"""It is in the copied /etc alone: this must not run on the host itself."""
PROGRAMS = {
    *("blkid", "blockdev", "dd", "fuser", "hdparm", "lsblk", "openssl", "parted", "partprobe"),
    *("partx", "qemu-img", "sgdisk", "shred", "smartctl", "stress-ng", "sync", "udevadm", "wipefs"),
    *("cat", "df", "dmesg", "dmidecode", "hexdump", "journalctl", "lscpu", "lsof", "mdadm", "ps"),
}
SOURCES = {"/dev/null", "/dev/zero", "/dev/urandom"}
_DEVICE = re.compile(r"/dev/[^\s,]+")
HALT_S = 0.5


def take_machine_away(folder: Path) -> None:
    """Let the agent start the listed programs only, and power off or reboot nothing but itself."""
    processutils: Any = importlib.import_module("oslo_concurrency.processutils")
    execute = processutils.execute

    allowed = SOURCES | {path for path, *_ in json.loads((folder / "disks.json").read_text())}

    def guarded(*argv: str, **options: Any) -> Any:
        devices = {found for word in argv for found in _DEVICE.findall(str(word))}
        if Path(argv[0]).name not in PROGRAMS or options.get("shell") or devices - allowed:
            raise FileNotFoundError(2, f"not in this test's machine: {argv}")
        return execute(*argv, **options)

    processutils.execute = guarded
    standby = importlib.import_module("ironic_python_agent.extensions.standby")

    def switch(_self: Any, command: str) -> None:
        (folder / "power").write_text(command)
        threading.Timer(HALT_S, os._exit, (0,)).start()

    standby.StandbyExtension._run_shutdown_command = switch


def always(value: str) -> Callable[[Any], str]:
    """Return a method that answers ``value``."""
    return lambda _self: value


def machine_of_files(folder: Path, mac: str) -> Any:
    """Return the agent's own hardware manager, which sees the disks and the card of this test alone."""
    hardware = importlib.import_module("ironic_python_agent.hardware")
    told = json.loads((folder / "disks.json").read_text())

    class LoopHardwareManager(hardware.GenericHardwareManager):  # type: ignore[misc, name-defined]
        def initialize(self) -> None:
            """Start nothing: no arrays, no multipath, no modules."""

        def list_block_devices(self, **_wishes: bool) -> list[Any]:
            return [
                hardware.BlockDevice(
                    name=path,
                    model="loop",
                    size=size,
                    rotational=False,
                    serial=f"LOOP{number}",
                    logical_sectors=sector,
                    physical_sectors=sector,
                )
                for number, (path, size, sector) in enumerate(told)
            ]

        def list_network_interfaces(self) -> list[Any]:
            return [hardware.NetworkInterface("eth0", mac, ipv4_address="192.0.2.7")]

        def get_boot_info(self) -> Any:
            return hardware.BootInfo(current_boot_mode="bios", pxe_interface=mac)

        def _get_system_lshw_dict(self) -> dict[str, Any]:
            return {"id": "test", "children": []}  # lshw need not be on this host

        get_bmc_address = always("0.0.0.0")
        get_bmc_v6address = always("::/0")
        get_bmc_mac = always("00:00:00:00:00:00")

        def _do_create_configuration(self, _node: Any, _ports: Any, raid_config: Any) -> Any:
            (folder / "logical-disks.json").write_text(json.dumps(raid_config))
            return raid_config

        def delete_configuration(self, node: Any, ports: Any) -> None:
            (folder / "logical-disks.json").unlink(missing_ok=True)

    return LoopHardwareManager()


def main() -> None:
    folder, mac = Path(sys.argv[1]), sys.argv[2]
    if not IN_NAMESPACE.exists():
        sys.exit(
            "this must run in a mount namespace of its own; see tests/integration/ipa_machine.py"
        )
    program = importlib.import_module(
        "ironic_python_agent.cmd.agent"
    )  # its options before all else
    take_machine_away(folder)
    hardware: Any = importlib.import_module("ironic_python_agent.hardware")
    manager = machine_of_files(folder, mac)
    entry = {"name": type(manager).__name__, "manager": manager, "support": 1}
    hardware._global_managers = [entry]
    sys.argv = ["ironic-python-agent", "--config-file", str(folder / "agent.conf")]
    program.run()


if __name__ == "__main__":
    main()
