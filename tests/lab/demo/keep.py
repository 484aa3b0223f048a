"""``make demo KEEP=1``: says how to reach what is left running, and waits for Ctrl-C."""

import signal
import time
from collections.abc import Sequence

from controller.client.screen import Screen
from tests.lab.controller import Controller
from tests.lab.demo.keys import SshKey
from tests.lab.demo.leases import address_of
from tests.lab.demo.road import deployed_name
from tests.lab.hardware import BmcKind
from tests.lab.lab import Lab
from tests.lab.machine import Machine

_LEASE_TIMEOUT_S = 60


def keep(
    screen: Screen, lab: Lab, controller: Controller, machines: Sequence[Machine], key: SshKey
) -> None:
    """Print the addresses of API, consoles, BMCs and machines as commands to copy; does not return."""
    addresses = [_wait_for_address(machine, controller) for machine in machines]
    screen.say("still running; Ctrl-C ends it. How to reach it, from this computer:")
    port = controller.url.rpartition(":")[2]
    screen.say(f"  API      curl http://{lab.network.outer_address}:{port}/v1/nodes")
    for machine, address in zip(machines, addresses, strict=True):
        screen.say(f"  console  tail -f {machine.console.raw}")
        screen.say(f"  BMC      {_bmc_command(machine)}")
        screen.say(f"  machine  ssh -i {key.private_file} root@{address}")
    signal.pause()


def _bmc_command(machine: Machine) -> str:
    """Return a command that asks the BMC for the power state."""
    if machine.bmc_kind is BmcKind.REDFISH:
        bmc = machine.redfish
        return f"curl -k -u {bmc.username}:{bmc.password} {bmc.url}/redfish/v1/Systems/1"
    ipmi = machine.bmc
    return (
        f"ipmitool -I lanplus -H {ipmi.address} -U {ipmi.username} -P {ipmi.password} power status"
    )


def _wait_for_address(machine: Machine, controller: Controller) -> str:
    """Return the deployed system's address by the controller's DHCP leases: it asks for one about when its prompt comes."""
    hostname, mac = deployed_name(machine), machine.nics[0].mac
    deadline_s = time.monotonic() + _LEASE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        for leases in controller.state_directory.rglob("leases"):
            if (address := address_of(leases.read_text(), mac, hostname)) is not None:
                return address
        time.sleep(0.5)
    return f"its address (no DHCP lease for {hostname} after {_LEASE_TIMEOUT_S} s)"
