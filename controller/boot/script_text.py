"""The only ways by which text gets into an iPXE script or into dnsmasq's configuration. Pure.

A value must stay a value: it can add no command, no line and no expansion, whatever it holds. iPXE's ``src/core/exec.c``
expands ``${..}``, splits at blanks, ends a command at the words ``||``, ``&&`` and ``;`` and a line at ``#``; its console acts on
ESC. dnsmasq's ``option.c`` ends a value at a line break, at ``#`` after a blank, and splits at commas.
"""

import re

from controller.errors import Invalid, SettingsError

_UNSAFE = re.compile(r"[^\x20-\x7e]+")
_OPERATOR = re.compile(r"([|&])\1+")
_URL = re.compile(
    r"[A-Za-z0-9+.-]+://[A-Za-z0-9\[\]._~:@%-]+(?:[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?"
)
_DNSMASQ = re.compile(r"[A-Za-z0-9._~:/?@%+=\[\]-]+")


def ipxe_words(text: str) -> str:
    """Return ``text`` as words that iPXE takes as they are, for screens and kernel arguments; what it would act on is broken."""
    plain = _OPERATOR.sub(r"\1", _UNSAFE.sub(" ", text)).replace("${", "$ {")
    words = (word.lstrip("#") for word in plain.split())
    return " ".join(word for word in words if word not in ("", ";"))


def ipxe_url(url: str, where: str) -> str:
    """Return ``url`` if it is one word without anything that iPXE acts on.

    Args:
        url: An absolute URL, percent-encoded.
        where: What it is, for the error: ``driver_info/deploy_kernel``.

    Raises:
        Invalid: It has other characters than a URL has, or braces, pipes or a fragment.
    """
    if not _URL.fullmatch(url):
        raise Invalid(
            f"{where} is {url[:200]!r}, which cannot stand in a boot script: write a URL without blanks, braces, pipes "
            "and fragments (percent-encode them)"
        )
    return url


def dnsmasq_word(value: str, setting: str) -> str:
    """Return ``value`` if dnsmasq takes it as one word.

    Raises:
        SettingsError: It is empty, or has a blank, a comma, a line break or another sign that dnsmasq acts on.
    """
    if not _DNSMASQ.fullmatch(value):
        raise SettingsError(
            f"setting {setting} is {value!r}, which cannot stand in dnsmasq's configuration: use letters, digits and "
            "._~:/?@%+=[]- only"
        )
    return value
