"""A machine without hardware as a program of its own, behind a real IPMI BMC; it outlives the controller.

``python -m tests.integration.machine_process PORT USER PASSWORD API_URL MAC``: prints ``ready``, then one line for
each power change and each order that its agent gets.
"""

import sys
import time

from pyghmi.ipmi import bmc

from tests.integration.agent_behaviour import Behaviour
from tests.integration.agent_double import Machine
from tests.integration.processes import end_with_parent

BMC_ANSWER_S = 0.15
"""So that a stage that talks to the BMC lasts long enough to be seen."""
_BOOT_OPTIONS_FLAGS = 5
_PXE = 0x04


class IpmiBmc(bmc.Bmc):  # type: ignore[misc]  # pyghmi has no types
    """pyghmi's BMC in front of a machine."""

    def __init__(self, machine: Machine, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.machine = machine

    def get_power_state(self) -> str:
        time.sleep(BMC_ANSWER_S)
        return "on" if self.machine.is_on else "off"

    def power_off(self) -> None:
        time.sleep(BMC_ANSWER_S)
        self.machine.power_off()

    def power_on(self) -> None:
        time.sleep(BMC_ANSWER_S)
        self.machine.power_on()

    def set_system_boot_options(self, request: dict[str, bytes], session: object) -> None:
        data = request["data"]
        if data[0] == _BOOT_OPTIONS_FLAGS:
            self.machine.boot_device = "pxe" if data[2] & 0x3C == _PXE else "disk"
        time.sleep(BMC_ANSWER_S)
        session.send_ipmi_response()  # type: ignore[attr-defined]


def main() -> None:
    end_with_parent()
    port, user, password, api_url, mac = sys.argv[1:]
    quick = ("get_deploy_steps", "get_clean_steps", "get_partition_uuids", "sync")
    seconds = {"write_image": 4.0, "erase_devices_metadata": 3.0, "install_bootloader": 3.0}
    nic = {"name": "enp0s1", "mac_address": mac, "ipv4_address": "172.22.0.121"}
    inventory = {"interfaces": [nic], "cpu": {"architecture": "x86_64", "count": 2}}
    behaviour = Behaviour(
        boot_s=0.3,
        seconds={**dict.fromkeys(quick, 0.3), **seconds},
        inspection={"inventory": inventory},
    )
    machine = Machine(api_url, mac, behaviour)
    machine.on_change = _say
    server = IpmiBmc(machine, {user: password}, port=int(port), address="127.0.0.1")
    _say("ready")
    server.listen()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
