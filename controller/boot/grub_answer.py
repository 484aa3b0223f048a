"""What GRUB is told: the same facts as ``answer.py`` has, in GRUB's language. Pure.

GRUB reads these scripts by TFTP, with ``source``, inside the loop of the first script: whatever a script does not end with, it
is asked for again. Nothing in them needs a module that signed GRUBs lack, so Secure Boot may be on.
"""

from collections.abc import Sequence

from controller.boot.answer import (
    Asker,
    KnownNode,
    Platform,
    Ramdisk,
    Unknown,
    kernel_words,
    where_the_reason_is,
    why_not_discovered,
)
from controller.boot.instances import Instance, InstanceRamdisk
from controller.boot.script_text import grub_arguments, grub_word, plain_words
from controller.errors import Invalid

_ASK_AGAIN_S = 30
_LONGEST_PAUSE_S = 30
_LOADERS = (
    *(
        f"/EFI/{vendor}/shimx64.efi"
        for vendor in ("debian", "ubuntu", "redhat", "centos", "rocky", "almalinux", "fedora")
    ),
    *("/EFI/opensuse/shim.efi", "/EFI/sles/shim.efi", "/EFI/Microsoft/Boot/bootmgfw.efi"),
    "/EFI/BOOT/BOOTX64.EFI",
)
"""What an installed system's disk is started with on UEFI, the best first: the last one may write boot entries anew."""


def first_script(udp_port: int) -> str:
    """Return the script that all machines get: it asks for the machine's own, and again when that comes back.

    Args:
        udp_port: Where the gateway listens, on the machine that the loader came from.
    """
    question = (
        "mac=$net_default_mac&boot=$net_default_mac&platform=$grub_platform&buildarch=$grub_cpu"
        "&uuid=$uuid&serial=$serial"
    )
    return _lines(
        "set pager=0",
        'set server="$net_default_server"',
        'if regexp : "$server"; then',
        '  set server="[$server]"',
        "fi",
        f'set root="tftp,$server:{udp_port}"',
        "smbios --type 1 --get-uuid 8 --set uuid",
        "smbios --type 1 --get-string 7 --set serial",
        "set pause=2",
        "while true; do",
        "  set answered=",
        '  echo "Ingot: asking $server what to boot (MAC $net_default_mac)"',
        f'  source "/grub/script?{question}"',
        '  if [ -z "$answered" ]; then',
        '    echo "Ingot: no answer, asking again in $pause seconds"',
        "    sleep $pause",
        f"    set pause={_LONGEST_PAUSE_S}",
        "  fi",
        "done",
    )


def script(
    asker: Asker,
    node: KnownNode | None,
    *,
    unknown: Unknown,
    files: tuple[str, str] | None = None,
) -> str:
    """Return the script for a machine; see ``answer.script``.

    Args:
        asker: The machine that asks.
        node: Its node; ``None`` = no port has one of its MAC addresses.
        unknown: What to do with a machine without a node.
        files: Where kernel and ramdisk are for GRUB; ``None`` = behind the gateway, by the paths of their URLs.
    """
    if node is None:
        return _unknown_machine(asker, unknown)
    if node.problem:
        return _problem(asker, node, node.problem)
    try:
        if node.ramdisk:
            return _ramdisk(asker, node, node.ramdisk, files)
        return _instance(asker, node, node.instance) if node.instance else _disk(asker, node)
    except Invalid as error:
        return _problem(asker, node, str(error))


def medium_script(text: str) -> str:
    """Return a script for a medium of UEFI HTTP boot: GRUB cannot ask again from there, but the firmware can."""
    return text + _lines("reboot")


def ambiguous_script(asker: Asker) -> str:
    """Return the script for a machine that fits several nodes, some of which shall boot the ramdisk."""
    return _answer(
        _echo(
            f"several nodes have MAC addresses of this machine ({_macs(asker)}); their histories say"
        ),
        _more(
            "which; give each a port that no other machine has. Nothing is changed on this machine"
        ),
        *_pause(),
    )


def _ramdisk(asker: Asker, node: KnownNode, ramdisk: Ramdisk, files: tuple[str, str] | None) -> str:
    """Return what starts the agent.

    Raises:
        Invalid: GRUB can fetch one of them from nowhere, or cannot pass an argument on.
    """
    mac = asker.macs[0] if asker.macs else ""
    places = files or (_path(ramdisk.kernel_url, asker), _path(ramdisk.ramdisk_url, asker))
    words = kernel_words(ramdisk, asker.base_url, mac=mac)
    return _started(_heading(asker, node), places, words)


def _instance(asker: Asker, node: KnownNode, instance: Instance) -> str:
    """Return what starts a system of the instance; raises as :func:`_ramdisk`."""
    if not isinstance(instance, InstanceRamdisk):
        raise Invalid(
            "GRUB can start neither an ISO image nor a volume from the network; name a kernel and a ramdisk, or choose the boot"
            " interface ipxe"
        )
    heading = (*_identity(node), _echo("starting the instance over the network"))
    places = _path(instance.kernel_url, asker), _path(instance.ramdisk_url, asker)
    return _started(heading, places, instance.words)


def _started(heading: Sequence[str], places: tuple[str, str], words: str) -> str:
    kernel, initrd = places
    return _answer(
        *heading,
        f"if linux {grub_word(kernel)} {grub_arguments(words)}; then",
        f"  if initrd {grub_word(initrd)}; then",
        "    boot",
        "  fi",
        "fi",
        _echo(f"that failed (the line above says why), asking again in {_ASK_AGAIN_S} seconds"),
        *_pause(),
    )


def _path(url: str, asker: Asker) -> str:
    if not url.startswith(f"{asker.base_url}/boot/"):
        raise Invalid(
            f"{url[:200]} is on a web server, from which GRUB fetches nothing; give a file, or choose the boot interface ipxe"
        )
    return url.removeprefix(asker.base_url)


def _heading(asker: Asker, node: KnownNode) -> tuple[str, ...]:
    if node.is_guess:
        return (
            _echo(
                f"this machine ({_macs(asker)}) is not known, but a node has no ports and waits for an"
            ),
            _more(
                "inspection: looking whether this is its machine; nothing is changed on this machine"
            ),
        )
    if node.is_stranger:
        return (
            _echo(
                f"this machine ({_macs(asker)}) is not known: starting the agent, which tells the controller"
            ),
            _more("what it is made of; nothing is changed on this machine"),
        )
    return (*_identity(node), _echo("starting the agent"))


def _identity(node: KnownNode) -> tuple[str, ...]:
    """Return what is shown of the node to its own machine, and to nobody else."""
    if node.label is None:
        return ()
    return _echo(f"node {node.label}"), _echo(f"its state is {node.provision_state}")


def _disk(asker: Asker, node: KnownNode | None) -> str:
    return _answer(
        *(_identity(node) if node else ()),
        _echo(f"nothing to boot from the network for this machine ({_macs(asker)})"),
        _echo("booting from the local disk"),
        *_local_boot(asker.platform),
        *_pause(),
    )


def _unknown_machine(asker: Asker, unknown: Unknown) -> str:
    if unknown is Unknown.LOCAL:
        return _disk(asker, None)
    return _answer(
        _echo("this machine is not known: no port has one of its MAC addresses"),
        *map(_more, why_not_discovered(unknown)),
        _more(f"MAC addresses: {_macs(asker)}"),
        _more(f"Firmware: {asker.platform}"),
        _more("To enrol it, create a node, then a port with one of these addresses:"),
        _more(f"baremetal port create --node NODE {asker.macs[0] if asker.macs else 'MAC'}"),
        _echo(f"nothing is changed on this machine; asking again every {_ASK_AGAIN_S} seconds"),
        _echo("press Escape to boot from the local disk"),
        f"if sleep --interruptible {_ASK_AGAIN_S}; then true; else",
        *_local_boot(asker.platform),
        "fi",
    )


def _problem(asker: Asker, node: KnownNode, problem: str) -> str:
    shown = problem if node.label else where_the_reason_is(node)
    return _answer(
        *_identity(node),
        _echo(f"this machine ({_macs(asker)}) cannot boot the ramdisk:"),
        _more(shown),
        _echo(f"asking again in {_ASK_AGAIN_S} seconds"),
        *_pause(),
    )


def _local_boot(platform: Platform) -> Sequence[str]:
    """Hand the machine to its disk.

    BIOS: the first disk, and the firmware's next boot device if it has no boot sector. UEFI: the loader of an installed
    system, for GRUB 2.06 ends with success, at which the boot manager stops (UEFI 2.10 section 3.1.1).
    """
    if platform is Platform.BIOS:
        return "set root=hd0", "if chainloader +1; then", "  boot", "fi", "exit"
    return (
        f"for file in {' '.join(_LOADERS)}; do",
        "  unset esp",
        "  search --no-floppy --set=esp --file $file",
        '  if [ -n "$esp" ]; then',
        "    if chainloader ($esp)$file; then",
        "      boot",
        "    fi",
        "  fi",
        "done",
        _echo("no disk has a boot loader that is known"),
    )


def _macs(asker: Asker) -> str:
    return " ".join(asker.macs) or "none given"


def _echo(text: str) -> str:
    return f"echo {grub_word(plain_words(f'Ingot: {text}'))}"


def _more(text: str) -> str:
    return f"echo {grub_word(f'  {plain_words(text)}')}"


def _pause() -> tuple[str, ...]:
    return (f"sleep {_ASK_AGAIN_S}",)


def _answer(*lines: str) -> str:
    """Return the script; its first line tells the loop that there was an answer."""
    return _lines("set answered=1", *lines)


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"
