"""What is on a machine's image beside kernel and ramdisk: GRUB's script, and the token for both kinds of agents. Pure.

Ingot's ramdisk reads ``parameters.txt`` of the medium. Ironic's agent reads settings of its boot medium only from the kernel's command
line, which the kernel prints on the console; so its token is in a file that is laid over the ramdisk instead, which it reads, too.
"""

from collections.abc import Sequence

from controller.boot.answer import Ramdisk, kernel_words
from controller.boot.script_text import grub_arguments, grub_word, plain_words

_PAUSE_S = 30
_FOLDER, _FILE = 0o040755, 0o100600
_SETTINGS_FOLDERS = ("etc/ironic-python-agent.d", "etc/ironic-python-agent")
"""From where Ironic's agent takes its settings: as its own builds start it, and as ours does."""


def medium_words(ramdisk: Ramdisk, base_url: str, *, is_virtual: bool) -> str:
    """Return the kernel's arguments.

    Args:
        ramdisk: The node's.
        base_url: This controller as the machine sees it.
        is_virtual: The ramdisk finds the medium in a drive and reads its settings there.
    """
    words = kernel_words(ramdisk, base_url, mac="").removesuffix("BOOTIF=").strip()
    return f"{words} boot_method=vmedia" if is_virtual else words


def medium_script(label: str, words: str, kernel: str, initrds: Sequence[str]) -> str:
    """Return GRUB's script.

    Args:
        label: Whose machine it is, in words.
        words: The kernel's arguments.
        kernel: Its path on the medium.
        initrds: Paths of what is laid one over the other as the ramdisk.

    Raises:
        Invalid: An argument cannot be passed on.
    """
    lines = (
        _echo(f"Ingot: node {label}"),
        _echo("Ingot: starting the agent from this medium"),
        f"if linux {grub_word(kernel)} {grub_arguments(words)}; then",
        f"  if initrd {' '.join(map(grub_word, initrds))}; then",
        "    boot",
        "  fi",
        "fi",
        _echo(f"Ingot: that failed (the line above says why), once more in {_PAUSE_S} seconds"),
        f"sleep {_PAUSE_S}",
        "reboot",
    )
    return "\n".join(lines) + "\n"


def parameters(words: Sequence[str]) -> bytes:
    """Return ``parameters.txt``."""
    return "".join(f"{word}\n" for word in words).encode()


def token_overlay(token: str) -> bytes:
    """Return a ramdisk that adds the token to the settings of Ironic's agent.

    Source of the format: the kernel's ``Documentation/driver-api/early-userspace/buffer-format.rst``.
    """
    content = f"[DEFAULT]\nagent_token = {token}\n".encode()
    entries = [("etc", _FOLDER, b"")]
    for folder in _SETTINGS_FOLDERS:
        entries += [(folder, _FOLDER, b""), (f"{folder}/99-token.conf", _FILE, content)]
    packed = (_entry(number, *entry) for number, entry in enumerate(entries, 1))
    return b"".join((*packed, _entry(0, "TRAILER!!!", 0, b"")))


def _echo(text: str) -> str:
    return f"echo {grub_word(plain_words(text))}"


def _entry(number: int, name: str, mode: int, data: bytes) -> bytes:
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return _aligned(head) + _aligned(data)


def _aligned(data: bytes) -> bytes:
    return data.ljust(-(-len(data) // 4) * 4, b"\0")
