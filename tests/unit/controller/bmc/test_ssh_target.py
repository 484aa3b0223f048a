"""What driver_info says about a host of virtual machines."""

from typing import Any

import pytest

from controller.bmc.ssh_target import PROPERTIES, parse_target
from controller.bmc.virtual_hosts import HOSTS, machine_with
from controller.errors import BmcError, Invalid
from controller.hardware.bmc import PowerState

GOOD = {
    "ssh_address": "192.0.2.30",
    "ssh_username": "ingot",
    "ssh_virt_type": "virsh",
    "ssh_password": "geheim",
}


def test_a_password_is_enough() -> None:
    target = parse_target(GOOD)
    assert (target.address, target.port, target.virt_type) == ("192.0.2.30", 22, "virsh")
    assert "geheim" not in repr(target)
    key = {**GOOD, "ssh_password": None, "ssh_key_contents": "geheim"}
    assert "geheim" not in repr(parse_target(key))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ssh_address": None}, "ssh_address is missing"),
        ({"ssh_username": None}, "ssh_username"),
        ({"ssh_username": "-oProxyCommand=x"}, "ssh_username"),
        ({"ssh_username": "a b"}, "ssh_username"),
        ({"ssh_virt_type": None}, "give virsh or vbox"),
        ({"ssh_virt_type": "vmware"}, "choose from: VIRSH, VBOX"),
        ({"ssh_port": 0}, "ssh_port"),
        ({"ssh_password": None}, "exactly one of"),
        ({"ssh_key_filename": "/root/key"}, "ssh_key_filename and ssh_password; give exactly one"),
        ({"ssh_password": "a\nb"}, "more than one line"),
        ({"ssh_host_key": "AAAA"}, "no public key"),
        ({"ssh_host_key": "@cert-authority * ssh-rsa AAAA"}, "no public key"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_shown(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        parse_target({**GOOD, **change})
    assert "geheim" not in str(error.value)


def test_several_host_keys_may_be_known() -> None:
    keys = "ssh-ed25519 AAAA host\n\necdsa-sha2-nistp256 BBBB=\n"
    assert parse_target({**GOOD, "ssh_host_key": keys}).host_keys == (
        "ssh-ed25519 AAAA host",
        "ecdsa-sha2-nistp256 BBBB=",
    )


def test_every_key_that_is_read_is_a_property() -> None:
    class Seen(dict[str, Any]):
        def get(self, key: Any, default: Any = None) -> Any:
            keys.add(key)
            return super().get(key, default)

    keys: set[str] = set()
    parse_target(Seen(GOOD))
    assert keys == set(PROPERTIES)


def test_the_machine_is_the_one_with_the_mac() -> None:
    printed = "= one\n vnet0 bridge br0 virtio 52:54:00:AA:00:01\n\n= two = 2\n - user - e1000 52:54:00:aa:00:02\n"
    host = HOSTS["virsh"]
    assert machine_with(host, printed, ("52:54:00:aa:00:01",)) == "one"
    assert machine_with(host, printed, ("52:54:00:aa:00:09", "52:54:00:aa:00:02")) == "two = 2"
    assert machine_with(host, printed, ("52:54:00:aa:00:03",)) is None
    assert machine_with(host, "", ("52:54:00:aa:00:03",)) is None
    with pytest.raises(BmcError, match="two virtual machines"):
        machine_with(host, printed, ("52:54:00:aa:00:01", "52:54:00:aa:00:02"))


@pytest.mark.parametrize(
    ("kind", "printed", "state"),
    [
        ("virsh", "running\n\n", PowerState.ON),
        ("virsh", "paused\n", PowerState.ON),
        ("virsh", "in shutdown\n", PowerState.ON),
        ("virsh", "shut off\n", PowerState.OFF),
        ("virsh", "crashed\n", PowerState.OFF),
        ("virsh", "no state\n", PowerState.ERROR),
        ("virsh", "", PowerState.ERROR),
        ("vbox", 'VMState="running"\n', PowerState.ON),
        ("vbox", 'x="y"\nVMState="poweroff"\n', PowerState.OFF),
        ("vbox", 'VMState="aborted"\n', PowerState.OFF),
        ("vbox", "", PowerState.ERROR),
    ],
)
def test_states_are_read(kind: str, printed: str, state: PowerState) -> None:
    assert HOSTS[kind].power_state(printed) is state
