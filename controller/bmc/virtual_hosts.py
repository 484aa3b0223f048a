"""What hosts of virtual machines are told and answer: libvirt's ``virsh`` and VirtualBox's ``VBoxManage``. Pure.

Names of machines are foreign text; they reach the remote shell only quoted. A machine's description is changed on its host: it may
have passwords, which nobody here has to know.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from controller.errors import BmcError
from controller.hardware.bmc import BootDevice, PowerState

_MAC = re.compile(r"\b[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}\b")
_VBOX_NAME = re.compile(r'^name="(.*)"$', re.MULTILINE)
_VBOX_MAC = re.compile(r'^macaddress\d+="([0-9A-Fa-f]{12})"$', re.MULTILINE)
_VBOX_STATE = re.compile(r'^VMState="(.*)"$', re.MULTILINE)
_BEGIN = "= "
"""Before each machine's name in the answers to ``find``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualHost:
    """One kind of host. Commands are for a shell; ``{}`` stands for the quoted name of the machine."""

    find: str
    """Prints each machine's name behind ``= ``, then whatever has its MAC addresses."""
    macs: Callable[[str], frozenset[str]]
    """Of what was printed of one machine: lower-case with colons."""
    state: str
    power_state: Callable[[str], PowerState]
    """Of what ``state`` printed."""
    start: str
    cut: str
    shut_down: str
    reset: str
    done_already: tuple[str, ...]
    """Words of refusals that mean that it is so already."""
    gone: tuple[str, ...]
    """Words that mean that there is no machine of this name."""
    devices: Mapping[BootDevice, tuple[str, ...]]
    """The boot devices that it knows, the first one first."""
    show_boot: str
    """Prints the words of the boot order, the first one first."""
    set_boot: str
    """``{first}`` and ``{second}`` are two words of :attr:`devices`."""

    def command(self, template: str, name: str, **words: str) -> str:
        """Return a command about one machine."""
        return template.format(shlex.quote(name), **words)


def machine_with(host: VirtualHost, printed: str, macs: tuple[str, ...]) -> str | None:
    """Return the name of the machine that has one of the MAC addresses; ``None`` = none has.

    Raises:
        BmcError: Two have.
    """
    wanted = frozenset(mac.lower() for mac in macs)
    found = []
    for block in f"\n{printed}".split(f"\n{_BEGIN}")[1:]:
        name, _, rest = block.partition("\n")
        if wanted & host.macs(rest):
            found.append(name)
    if len(found) > 1:
        raise BmcError(
            f"two virtual machines have MAC addresses of this node: {', '.join(name[:60] for name in found[:2])}; change one"
        )
    return found[0] if found else None


def _virsh_state(printed: str) -> PowerState:
    """Read ``virsh domstate`` (virsh(1)): all but two are states of a machine that has power."""
    word = printed.strip()
    if word in {"shut off", "crashed"}:
        return PowerState.OFF
    if word in {"running", "idle", "paused", "in shutdown", "pmsuspended", "blocked"}:
        return PowerState.ON
    return PowerState.ERROR


def _virsh_macs(printed: str) -> frozenset[str]:
    return frozenset(mac.lower() for mac in _MAC.findall(printed))


def _vbox_macs(printed: str) -> frozenset[str]:
    return frozenset(
        ":".join(mac[at : at + 2] for at in range(0, 12, 2)).lower()
        for mac in _VBOX_MAC.findall(printed)
    )


def _vbox_state(printed: str) -> PowerState:
    """Read ``VMState`` of ``VBoxManage showvminfo --machinereadable``."""
    found = _VBOX_STATE.search(printed)
    if found is None:
        return PowerState.ERROR
    return PowerState.OFF if found[1] in {"poweroff", "aborted", "saved"} else PowerState.ON


_VIRSH = "LC_ALL=C virsh"
_VBOX = "LC_ALL=C VBoxManage"
_VBOX_SHOW = f"{_VBOX} showvminfo {{}} --machinereadable"
HOSTS: Mapping[str, VirtualHost] = MappingProxyType(
    {
        "virsh": VirtualHost(
            find=f'{_VIRSH} list --all --name | while IFS= read -r one; do [ -n "$one" ] && printf \'= %s\\n\' "$one" &&'
            f' {_VIRSH} domiflist "$one" </dev/null; done',
            macs=_virsh_macs,
            state=f"{_VIRSH} domstate {{}}",
            power_state=_virsh_state,
            start=f"{_VIRSH} start {{}}",
            cut=f"{_VIRSH} destroy {{}}",
            shut_down=f"{_VIRSH} shutdown {{}}",
            reset=f"{_VIRSH} reset {{}}",
            done_already=("already active", "domain is not running"),
            gone=("failed to get domain", "Domain not found"),
            devices=MappingProxyType(
                {
                    BootDevice.PXE: ("network", "hd"),
                    BootDevice.DISK: ("hd", "network"),
                    BootDevice.CDROM: ("cdrom", "hd"),
                }
            ),
            show_boot=f"{_VIRSH} dumpxml --inactive {{}} | sed -n \"s/.*<boot dev='\\([a-z]*\\)'.*/\\1/p\"",
            set_boot=f"{_VIRSH} dumpxml --inactive --security-info {{}} | sed -e '/<boot dev=/d' -e '/<boot order=/d'"
            " -e \"s#</os>#<boot dev='{first}'/><boot dev='{second}'/></os>#\""
            f" | {_VIRSH} define /dev/stdin",
        ),
        "vbox": VirtualHost(
            find=f"{_VBOX} list vms | sed -n 's/.*{{\\([0-9a-f-]*\\)}}$/\\1/p' | while IFS= read -r one; do printf '= %s\\n' \"$one\" &&"
            f' {_VBOX} showvminfo "$one" --machinereadable </dev/null; done',
            macs=_vbox_macs,
            state=_VBOX_SHOW,
            power_state=_vbox_state,
            start=f"{_VBOX} startvm {{}} --type headless",
            cut=f"{_VBOX} controlvm {{}} poweroff",
            shut_down=f"{_VBOX} controlvm {{}} acpipowerbutton",
            reset=f"{_VBOX} controlvm {{}} reset",
            done_already=("is already locked by a session", "is not currently running"),
            gone=("Could not find a registered machine",),
            devices=MappingProxyType(
                {
                    BootDevice.PXE: ("net", "disk"),
                    BootDevice.DISK: ("disk", "net"),
                    BootDevice.CDROM: ("dvd", "disk"),
                }
            ),
            show_boot=f"{_VBOX_SHOW} | sed -n 's/^boot[12]=\"\\(.*\\)\"$/\\1/p'",
            set_boot=f"{_VBOX} modifyvm {{}} --boot1 {{first}} --boot2 {{second}}",
        ),
    }
)
"""By ``ssh_virt_type``."""
