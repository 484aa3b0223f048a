"""The only ways by which text gets into a script of iPXE or GRUB or into dnsmasq's configuration. Pure.

A value must stay a value: it can add no command, no line and no expansion, whatever it holds. iPXE's ``src/core/exec.c``
expands ``${..}``, splits at blanks, ends a command at the words ``||``, ``&&`` and ``;`` and a line at ``#``; its console acts on
ESC. GRUB takes what stands in single quotes as it is, but puts backslashes before quotes and backslashes on a kernel's command line
(``grub-core/lib/cmdline.c``). dnsmasq's ``option.c`` ends a value at a line break, at ``#`` after a blank, and splits at commas.
"""

import re

from controller.errors import Invalid, SettingsError

_UNSAFE = re.compile(r"[^\x20-\x7e]+")
_OPERATOR = re.compile(r"([|&])\1+")
_URL = re.compile(
    r"[A-Za-z0-9+.-]+://[A-Za-z0-9\[\]._~:@%-]+(?:[/?][A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]*)?"
)
_DNSMASQ = re.compile(r"[A-Za-z0-9._~:/?@%+=\[\]-]+")


def plain_words(text: str) -> str:
    """Return the words of ``text`` in printable ASCII with one blank between."""
    return " ".join(_UNSAFE.sub(" ", text).split())


def grub_word(text: str) -> str:
    """Return printable ASCII as one word of a GRUB script that stands for exactly this text."""
    return "'" + _UNSAFE.sub(" ", text).replace("'", "'\\''") + "'"


def grub_arguments(text: str) -> str:
    """Return kernel arguments, with blanks between, as words of a GRUB script.

    Raises:
        Invalid: One has a quote or a backslash, which GRUB does not pass on as it is.
    """
    words = plain_words(text).split()
    odd = next((word for word in words if set(word) & set("'\"\\")), None)
    if odd is not None:
        raise Invalid(
            f"kernel argument {odd[:80]!r} has a quote or a backslash, which GRUB changes; leave it out of "
            "kernel_append_params, or choose the boot interface ipxe"
        )
    return " ".join(map(grub_word, words))


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
