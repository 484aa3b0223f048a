"""Which of the controller's answers stands behind a file name that GRUB asks for by TFTP. Pure."""

import re
from urllib.parse import quote

_MOST_BYTES = 480
"""A request is one packet of 512 bytes at most, without options (RFC 1350)."""
_BOOT_FILE = re.compile(r"boot/(kernel|ramdisk)/[A-Za-z0-9_-]{1,64}")
_SCRIPT = re.compile(r"grub/script\?(?P<question>.*)", re.DOTALL)
_QUESTION_SIGNS = "=&:,;.+-_~ "


def url_path_of(name: bytes) -> str | None:
    """Return the path and the query of the controller's URL; ``None`` = there is no such file.

    Only three kinds of names exist: GRUB's script with a question, and a kernel and a ramdisk by their key. No name leads
    out of them, for nothing of it but the question is taken over as it is, and that percent-encoded.
    """
    if len(name) > _MOST_BYTES:
        return None
    text = name.decode("latin-1").lstrip("/")
    if _BOOT_FILE.fullmatch(text):
        return f"/{text}"
    if found := _SCRIPT.fullmatch(text):
        return f"/boot/grub/script?{quote(found['question'], safe=_QUESTION_SIGNS.rstrip())}"
    return None
