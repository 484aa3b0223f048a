"""Virtual machines over SSH: a real sshd, a real libvirt with QEMU machines, and VirtualBox as a script that answers as its manual says."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from controller.bmc.ssh import SshDriver, VirtualMachine
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.bmc import BootDevice, BootMode, PoweredNode, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.ssh_host import DOMAIN, SshHost, libvirt, ssh_host, virsh
from tests.integration.waiting import wait_until

pytestmark = pytest.mark.root
S = 60.0
MAC = "52:54:00:11:22:33"
ODD = "a $(touch ix)'b"
VBOX = r"""#!/bin/sh
here=$(dirname "$0"); echo "$*" >>"$here/told"
id=11111111-2222-3333-4444-555555555555
case $1 in
list) printf '"a {b}" {%s}\n"other" {%s}\n' $id 99999999-2222-3333-4444-555555555555 ;;
showvminfo)
    if [ "$2" != $id ]; then printf 'name="other"\nmacaddress1="080027000001"\nVMState="running"\n'; exit; fi
    printf 'name="a {b}"\nmacaddress1="525400112233"\nboot1="%s"\nboot2="none"\nVMState="%s"\n' "$(cat "$here/boot")" "$(cat "$here/state")" ;;
startvm) echo running >"$here/state" ;;
controlvm) case $3 in poweroff) echo poweroff >"$here/state" ;; reset) ;; *) exit 2 ;; esac ;;
modifyvm) echo "$4" >"$here/boot" ;;
*) echo "VBoxManage: error: unknown" >&2; exit 1 ;;
esac
"""
ASKING = """#!/bin/sh
printf '%s\\n' "$@" >{folder}/arguments
"$SSH_ASKPASS" 'Password:' >{folder}/answer
exit 1
"""
"""In ssh's place: asks for the password as ssh does, with the prompt as an argument."""


@pytest.fixture(scope="module")
def uri() -> Iterator[str]:
    folder = Path("/var/tmp") / f"ilv-{os.getpid()}"  # nobody may go there
    try:
        with libvirt(folder) as found:
            yield found
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def host(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshHost]:
    with ssh_host(tmp_path_factory.mktemp("sshd"), {"LIBVIRT_DEFAULT_URI": uri}) as found:
        yield found


@pytest.fixture
def domain(uri: str) -> Iterator[str]:
    virsh(uri, "define", "/dev/stdin", given=DOMAIN.format(name=ODD, mac=MAC))
    other = DOMAIN.format(name="other", mac="52:54:00:00:00:01")
    virsh(uri, "define", "/dev/stdin", given=other)
    yield ODD
    if virsh(uri, "domstate", ODD).strip() == "running":
        virsh(uri, "destroy", ODD)
    virsh(uri, "undefine", ODD)
    virsh(uri, "undefine", "other")


def connect(host: SshHost, virt_type: str = "virsh", mac: str = MAC, **info: Any) -> VirtualMachine:
    node = PoweredNode(
        uuid="u",
        label="one",
        driver_info={**host.driver_info, "ssh_virt_type": virt_type, **info},
        macs=(mac,),
        power_state=None,
        agent=None,
    )
    return SshDriver().connect_node(node)


def test_a_real_machine_of_libvirt_is_found_by_its_mac_and_switched(
    host: SshHost, domain: str, uri: str
) -> None:
    machine = connect(host)
    assert machine.power_state(timeout_s=S) is PowerState.OFF
    machine.power_on(timeout_s=S)
    machine.power_on(timeout_s=S)  # it is on already, which is no failure
    assert virsh(uri, "domstate", domain).strip() == "running"
    assert machine.power_state(timeout_s=S) is PowerState.ON
    machine.reset(timeout_s=S)
    machine.soft_power_off(timeout_s=S)
    machine.power_off(timeout_s=S)
    machine.power_off(timeout_s=S)
    assert virsh(uri, "domstate", domain).strip() == "shut off"
    assert machine.power_state(timeout_s=S) is PowerState.OFF
    assert virsh(uri, "domstate", "other").strip() == "shut off"
    assert not (Path.home() / "ix").exists()


def test_the_boot_order_is_changed_and_nothing_else_of_the_machine(
    host: SshHost, domain: str, uri: str
) -> None:
    machine = connect(host)
    before = virsh(uri, "dumpxml", "--inactive", "--security-info", domain)
    for device, first in (
        (BootDevice.PXE, "network"),
        (BootDevice.CDROM, "cdrom"),
        (BootDevice.DISK, "hd"),
    ):
        machine.set_boot_device(device, mode=BootMode.BIOS, persistent=False, timeout_s=S)
        shown = virsh(uri, "dumpxml", "--inactive", "--security-info", domain)
        assert shown.index(f"<boot dev='{first}'/>") == shown.index("<boot dev=")
        assert machine.boot_device(timeout_s=S).device is device
    assert "passwd='geheim7'" in shown
    assert shown.replace("    <boot dev='network'/>\n", "") == before
    with pytest.raises(
        BmcError, match="cannot have a machine boot bios; possible: pxe, disk, cdrom"
    ):
        machine.set_boot_device(BootDevice.BIOS, mode=BootMode.BIOS, persistent=False, timeout_s=S)


def test_a_machine_that_is_not_there_is_named_by_its_mac(host: SshHost, domain: str) -> None:
    with pytest.raises(
        BmcError, match=r"no virtual machine there has a MAC address of one \(52:54:00:99"
    ):
        connect(host, mac="52:54:00:99:99:99").power_state(timeout_s=S)


def test_a_machine_that_was_renamed_is_found_again(host: SshHost, domain: str, uri: str) -> None:
    machine = connect(host)
    machine.power_state(timeout_s=S)
    virsh(uri, "domrename", domain, "renamed")
    try:
        with pytest.raises(BmcError, match="virtual machine"):
            machine.power_state(timeout_s=S)
        assert machine.power_state(timeout_s=S) is PowerState.OFF
    finally:
        virsh(uri, "domrename", "renamed", domain)


def test_another_host_key_than_the_known_one_ends_the_call_before_the_login(host: SshHost) -> None:
    other = (host.folder / "other.pub").read_text()
    logins = host.log.count("Accepted")
    with pytest.raises(BmcError, match="its key is not the known one"):
        connect(host, ssh_host_key=other).power_state(timeout_s=S)
    with pytest.raises(BmcError, match="its key is not the known one"):
        connect(host, ssh_host_key=None).power_state(timeout_s=S)
    assert host.log.count("Accepted") == logins


def test_a_refused_login_is_told_and_not_tried_again_at_once(host: SshHost) -> None:
    machine = connect(host, ssh_key_contents=(host.folder / "other").read_text())
    with pytest.raises(BmcAuthenticationFailed, match="the login was refused") as error:
        machine.power_state(timeout_s=S)
    assert "PRIVATE KEY" not in str(error.value)
    tries = host.log.count("Connection from")
    with pytest.raises(BmcAuthenticationFailed, match="tried again in"):
        machine.power_state(timeout_s=S)
    assert host.log.count("Connection from") == tries


def test_a_refused_login_is_tried_once_by_all_who_wait(host: SshHost) -> None:
    machine = connect(host, ssh_key_contents=(host.folder / "other").read_text())

    def call(_number: int) -> None:
        with pytest.raises(BmcAuthenticationFailed):
            machine.power_state(timeout_s=S)

    before = host.log.count("Connection from")
    with ThreadPoolExecutor(24) as pool:
        list(pool.map(call, range(24)))
    assert host.log.count("Connection from") == before + 1


@pytest.mark.parametrize("password", ["geheim-geheim", "a 'b\" $(touch ix) \\n%s", "-n"])
def test_a_password_is_what_the_host_is_told_and_in_no_argument(
    host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    machine = connect(host, ssh_key_contents=None, ssh_password=password)
    with pytest.raises(BmcAuthenticationFailed) as error:
        machine.power_state(timeout_s=S)
    assert "Failed password for" in host.log, "sshd was given one"
    assert password not in str(error.value)

    program = tmp_path / "ssh"
    program.write_text(ASKING.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BmcError):
        connect(host, ssh_key_contents=None, ssh_password=password).power_state(timeout_s=S)
    assert (tmp_path / "answer").read_text() == f"{password}\n"
    assert password not in (tmp_path / "arguments").read_text().splitlines()


def test_a_controller_that_is_killed_leaves_no_key_behind(host: SshHost, tmp_path: Path) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "virsh").write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nsleep 600\n")
    (slow / "virsh").chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with ssh_host(tmp_path / "sshd", {}, first=str(slow)) as hanging:
        info = {**hanging.driver_info, "ssh_virt_type": "virsh"}
        call = (
            "import json, sys\nfrom controller.bmc.ssh_target import parse_target\nfrom controller.bmc.ssh_wire import SshWire\n"
            "SshWire().run(parse_target(json.load(sys.stdin)), 'virsh', timeout_s=60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", call],
            stdin=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(scratch)},
            text=True,
        ) as process:
            assert process.stdin is not None
            process.stdin.write(json.dumps(info))
            process.stdin.close()
            wait_until((tmp_path / "asked").exists, 30, "the login")
            process.kill()
        left = [path.read_text() for path in scratch.rglob("*") if path.is_file()]
    assert any("ssh-ed25519" in text for text in left), "the test looks into the right folder"
    assert not any("PRIVATE KEY" in text for text in left)


def test_a_key_file_of_the_controller_will_do(host: SshHost, domain: str) -> None:
    key = str(host.folder / "user")
    machine = connect(host, ssh_key_contents=None, ssh_key_filename=key)
    assert machine.power_state(timeout_s=S) is PowerState.OFF


@pytest.mark.parametrize("key", ["no key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_key_that_is_none_is_told(host: SshHost, key: str) -> None:
    with pytest.raises(BmcAuthenticationFailed):
        connect(host, ssh_key_contents=key).power_state(timeout_s=S)


def test_a_host_that_is_not_there_or_hangs_is_told_in_time(host: SshHost, tmp_path: Path) -> None:
    with pytest.raises(BmcUnreachable, match="Connection refused"):
        connect(host, ssh_port=1).power_state(timeout_s=S)
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "virsh").write_text("#!/bin/sh\nsleep 600\n")
    (slow / "virsh").chmod(0o755)
    with ssh_host(tmp_path / "sshd", {}, first=str(slow)) as hanging:
        began = time.monotonic()
        with pytest.raises(BmcUnreachable, match="did not end within"):
            connect(hanging).power_state(timeout_s=2)
        assert time.monotonic() - began < 60


def test_virtualbox_is_told_by_its_own_commands(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "VBoxManage").write_text(VBOX)
    (programs / "VBoxManage").chmod(0o755)
    (programs / "state").write_text("poweroff\n")
    (programs / "boot").write_text("disk\n")
    with ssh_host(tmp_path / "sshd", {}, first=str(programs)) as found:
        machine = connect(found, "vbox")
        assert machine.power_state(timeout_s=S) is PowerState.OFF
        assert machine.boot_device(timeout_s=S).device is BootDevice.DISK
        machine.set_boot_device(BootDevice.PXE, mode=BootMode.BIOS, persistent=False, timeout_s=S)
        assert machine.boot_device(timeout_s=S).device is BootDevice.PXE
        machine.power_on(timeout_s=S)
        assert machine.power_state(timeout_s=S) is PowerState.ON
        machine.reset(timeout_s=S)
        machine.power_off(timeout_s=S)
        assert machine.power_state(timeout_s=S) is PowerState.OFF
        with pytest.raises(BmcError, match="ended with 2"):
            machine.soft_power_off(timeout_s=S)
    told = (programs / "told").read_text()
    identity = "11111111-2222-3333-4444-555555555555"
    assert f"modifyvm {identity} --boot1 net --boot2 disk" in told
    assert f"startvm {identity} --type headless" in told


def test_the_hardware_type_has_both_kinds() -> None:
    found = load_catalog(Settings()).interfaces_of("ssh", {})
    assert (found.names["power"], found.names["management"]) == ("ssh", "ssh")
