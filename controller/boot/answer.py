"""What a machine that boots from the network is told: facts about its node in, an iPXE script out; GRUB's: ``grub_answer.py``. Pure.

Kernel arguments are those of real Ironic (ironic-wire-capture.md, "Kernel command line"), so that the real agent's
ramdisk boots from here too. Every script says on the machine's screen what it does and why, and none can strand a
machine: whatever fails is asked for again, because the answer may have changed in the meantime.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller.boot.instances import Instance, loading
from controller.boot.script_text import ipxe_url, ipxe_words

_MAX_NICS = 64
_FILE_TRIES = 5
_ASK_AGAIN_S = 30
_LONGEST_PAUSE_S = 30


class Platform(StrEnum):
    """Firmware that iPXE runs on; the values are its ``${platform}``."""

    BIOS = "pcbios"
    UEFI = "efi"


class Unknown(StrEnum):
    """What a machine that no port names gets; the values of the setting ``unknown_machine``."""

    EXPLAIN = "explain"
    LOCAL = "local"
    INSPECT = "inspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """The machine as its request describes it."""

    macs: tuple[str, ...]
    """In their stored form, no other text."""
    platform: Platform
    base_url: str
    """Base URL of this controller as the machine sees it."""

    def __post_init__(self) -> None:
        """Check what scripts are made of.

        Raises:
            Invalid: ``base_url`` cannot stand in a script.
        """
        ipxe_url(self.base_url, "the controller's URL")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramdisk:
    """The deploy ramdisk of a node, ready to be named in a script."""

    kernel_url: str
    ramdisk_url: str
    append_params: str
    """Kernel arguments of the operator, ``%default%`` expanded."""
    request_id: str
    """``req-<uuid>``, sent back by the agent for tracing."""
    is_inspection: bool
    debug: bool
    collectors: str = ""
    """Names of the collectors of an inspection; empty = the ramdisk's own choice."""
    stays: bool = False
    """After an inspection the agent stays for the next workflow (fast track)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownNode:
    """The node that the machine is, and what it may be told of it.

    Anybody can ask with a MAC address that he has seen. So a screen shows name, state and problem only to a machine with the
    address that DHCP gave to a port of the node; to all others a known machine looks as much like an unknown one as booting
    allows.
    """

    label: str | None
    """Name and UUID; ``None`` = the asker is not known to be the node's machine."""
    provision_state: str
    ramdisk: Ramdisk | None
    """``None`` = the machine shall boot what its instance is."""
    instance: Instance | None = None
    """``None`` = that is on its disk."""
    problem: str | None = None
    """Why the ramdisk cannot be given; shown instead of it."""
    is_guess: bool = False
    """No port names the machine: it is given the ramdisk of a node without ports that waits for an inspection."""
    is_stranger: bool = False
    """There is no node yet: the machine is given the ramdisk to be discovered."""


def first_script(base_url: str) -> str:
    """Return the script that collects the machine's MAC addresses and asks again with them.

    ``netX`` is the card that iPXE was started from or has used last; it need not be the first.

    Raises:
        Invalid: ``base_url`` cannot stand in a script.
    """
    base_url = ipxe_url(base_url, "the controller's URL")
    more = [
        f"isset ${{net{number}/mac}} && set macs ${{macs}},${{net{number}/mac}} ||"
        for number in range(1, _MAX_NICS)
    ]
    question = (
        "mac=${macs}&boot=${netX/mac}&uuid=${uuid}&serial=${serial:uristring}"
        "&platform=${platform}&buildarch=${buildarch}"
    )
    return _lines(
        "set pause:int32 2",
        "set macs ${net0/mac}",
        *more,
        ":ask",
        f"echo Ingot: asking {base_url} what to boot (MAC ${{macs}})",
        f"chain --autofree --replace {base_url}/boot/ipxe/script?{question} ||",
        "echo Ingot: no answer, asking again in ${pause} seconds",
        "sleep ${pause}",
        f"iseq ${{pause}} {_LONGEST_PAUSE_S} && goto ask ||",
        f"set pause:int32 {_LONGEST_PAUSE_S}",
        "goto ask",
    )


def ambiguous_script(asker: Asker) -> str:
    """Return the script for a machine that fits several nodes, some of which shall boot the ramdisk."""
    return _lines(
        f"echo Ingot: several nodes have MAC addresses of this machine ({_macs(asker)}); their histories say which;",
        "echo   give each a port that no other machine has. Nothing is changed on this machine",
        *_ask_again(asker),
    )


def script(asker: Asker, node: KnownNode | None, *, unknown: Unknown) -> str:
    """Return the script for a machine.

    Every text in it has gone through ``script_text``.

    Args:
        asker: The machine that asks.
        node: Its node; ``None`` = no port has one of its MAC addresses.
        unknown: What to do with a machine without a node.

    Raises:
        Invalid: A URL cannot stand in a script.
    """
    if node is None:
        return _unknown_machine(asker, unknown)
    if node.problem:
        return _problem(asker, node, node.problem)
    if node.ramdisk:
        return _ramdisk(asker, node, node.ramdisk)
    if node.instance:
        heading = (*_identity(node), "echo Ingot: starting the instance over the network")
        return _tried(asker, heading, loading(node.instance))
    return _disk(asker, node)


def kernel_arguments(ramdisk: Ramdisk, base_url: str) -> str:
    """Return the kernel's arguments for iPXE exactly as real Ironic orders them; ``${mac}`` is iPXE's own."""
    words = ipxe_words(kernel_words(ramdisk, base_url, mac=""))
    return f"{words}${{mac}} initrd=deploy_ramdisk"


def kernel_words(ramdisk: Ramdisk, base_url: str, *, mac: str) -> str:
    """Return the kernel's arguments as real Ironic orders them, for no loader's language yet; the last is ``BOOTIF``."""
    if ramdisk.is_inspection:
        call_back = f"ipa-inspection-callback-url={base_url}/v1/continue_inspection"
        if collectors := "".join(ramdisk.collectors.split()):
            call_back += f" ipa-inspection-collectors={collectors}"
        if ramdisk.stays:
            call_back += f" ipa-api-url={base_url}"
    else:
        call_back = f"ipa-api-url={base_url}"
    words = (
        "selinux=0 troubleshoot=0 text",
        ramdisk.append_params,
        "ipa-debug=1" if ramdisk.debug else "",
        call_back,
        f"ipa-global-request-id={ramdisk.request_id}",
        f"BOOTIF={mac}",
    )
    return " ".join(filter(None, (" ".join(word.split()) for word in words)))


def own_params(instance_info: Mapping[str, Any], driver_info: Mapping[str, Any]) -> str | None:
    """Return a node's own ``kernel_append_params``: its instance's before its own, as in Ironic; ``None`` = it has none."""
    found = (info.get("kernel_append_params") for info in (instance_info, driver_info))
    return next((str(own) for own in found if own is not None), None)


def expand_params(own: str | None, default: str) -> str:
    """Return a node's ``kernel_append_params`` with ``%default%`` replaced; the default when it has none."""
    return default if own is None else own.replace("%default%", default)


def _ramdisk(asker: Asker, node: KnownNode, ramdisk: Ramdisk) -> str:
    kernel = ipxe_url(ramdisk.kernel_url, "the URL of the kernel")
    initrd = ipxe_url(ramdisk.ramdisk_url, "the URL of the ramdisk")
    load = (
        f"kernel {kernel} {kernel_arguments(ramdisk, asker.base_url)} || goto retry",
        f"initrd --name deploy_ramdisk {initrd} || goto retry",
        "boot || goto retry",
    )
    return _tried(asker, _heading(asker, node), load)


def _tried(asker: Asker, heading: tuple[str, ...], load: tuple[str, ...]) -> str:
    """Return a script that tries several times to load something, then asks again; the lines go to ``retry`` where they fail."""
    return _lines(
        *heading,
        "set i:int32 0",
        ":deploy",
        "imgfree",
        *load,
        ":retry",
        "inc i",
        f"iseq ${{i}} {_FILE_TRIES} && goto again ||",
        "echo Ingot: that failed (the line above says why), trying again in ${i} seconds",
        "sleep ${i}",
        "goto deploy",
        ":again",
        f"echo Ingot: {_FILE_TRIES} tries failed, asking the controller again in {_ASK_AGAIN_S} seconds",
        *_ask_again(asker),
    )


def _heading(asker: Asker, node: KnownNode) -> tuple[str, ...]:
    if node.is_guess:
        return (
            f"echo Ingot: this machine ({_macs(asker)}) is not known, but a node has no ports and waits for an",
            "echo   inspection: looking whether this is its machine; nothing is changed on this machine",
        )
    if node.is_stranger:
        return (
            f"echo Ingot: this machine ({_macs(asker)}) is not known: starting the agent, which tells the controller",
            "echo   what it is made of; nothing is changed on this machine",
        )
    return (*_identity(node), "echo Ingot: starting the agent")


def _identity(node: KnownNode) -> tuple[str, ...]:
    """Return what is shown of the node to its own machine, and to nobody else."""
    if node.label is None:
        return ()
    return (
        f"echo Ingot: node {ipxe_words(node.label)}",
        f"echo Ingot: its state is {ipxe_words(node.provision_state)}",
    )


def _disk(asker: Asker, node: KnownNode | None) -> str:
    """Return the same script for a known and an unknown machine, unless it is known to be the node's own."""
    return _lines(
        *(_identity(node) if node else ()),
        f"echo Ingot: nothing to boot from the network for this machine ({_macs(asker)})",
        "echo Ingot: booting from the local disk",
        *_local_boot(asker.platform),
    )


def _unknown_machine(asker: Asker, unknown: Unknown) -> str:
    if unknown is Unknown.LOCAL:
        return _disk(asker, None)
    return _lines(
        "echo",
        "echo Ingot: this machine is not known: no port has one of its MAC addresses",
        *(f"echo   {words}" for words in why_not_discovered(unknown)),
        f"echo   MAC addresses: {_macs(asker)}",
        f"echo   Firmware: {asker.platform}",
        "echo   To enrol it, create a node, then a port with one of these addresses:",
        f"echo   baremetal port create --node NODE {asker.macs[0] if asker.macs else 'MAC'}",
        f"echo Ingot: nothing is changed on this machine; asking again every {_ASK_AGAIN_S} seconds",
        f"prompt --key b --timeout {_ASK_AGAIN_S * 1000} Press b to boot from the local disk "
        "&& goto local ||",
        *_ask_again(asker, pause_s=0),
        ":local",
        *_local_boot(asker.platform),
    )


def _problem(asker: Asker, node: KnownNode, problem: str) -> str:
    shown = ipxe_words(problem) if node.label else where_the_reason_is(node)
    return _lines(
        *_identity(node),
        f"echo Ingot: this machine ({_macs(asker)}) cannot boot the ramdisk:",
        f"echo   {shown}",
        f"echo Ingot: asking again in {_ASK_AGAIN_S} seconds",
        *_ask_again(asker),
    )


def why_not_discovered(unknown: Unknown) -> tuple[str, ...]:
    """Return what else a machine is told that would be given the ramdisk if discovery had not reached its limits."""
    if unknown is not Unknown.INSPECT:
        return ()
    return ("It is not given the ramdisk now: discovery has reached its limits",)


def where_the_reason_is(node: KnownNode) -> str:
    """Return where a machine's operator finds the problem that its screen does not show."""
    return (
        "the log of the controller says why"
        if node.is_stranger
        else "the history of its node says why"
    )


def _macs(asker: Asker) -> str:
    return " ".join(asker.macs) or "none given"


def _ask_again(asker: Asker, *, pause_s: int = _ASK_AGAIN_S) -> tuple[str, ...]:
    """Pause, then start over with the first script, for as long as it takes."""
    return (
        "imgfree",
        *([f"sleep {pause_s}"] if pause_s else []),
        ":again_now",
        f"chain --autofree --replace {asker.base_url}/boot/ipxe ||",
        f"sleep {_ASK_AGAIN_S}",
        "goto again_now",
    )


def _local_boot(platform: Platform) -> tuple[str, ...]:
    """Hand the machine to its disk.

    BIOS: the first disk, and the firmware's next boot device if it has no boot sector. UEFI: end with an error, for
    the boot manager goes on to the next entry only then (UEFI 2.10 section 3.1.1).
    """
    if platform is Platform.BIOS:
        return ("sanboot --no-describe --drive 0x80 || exit 1",)
    return ("exit 1",)


def _lines(*lines: str) -> str:
    return "\n".join(("#!ipxe", *lines)) + "\n"
