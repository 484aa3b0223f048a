"""dnsmasq's configuration for machines that boot over IPv6: DHCPv6 names the address of the loader (RFC 5970, option 59). Pure.

iPXE only: signed GRUBs are answered by TFTP to the server that gave the address, which over IPv6 nobody has tried.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from controller.boot.loaders import ARM_LOADER, UEFI_LOADER
from controller.boot.script_text import dnsmasq_word
from controller.boot.urls import LOADER_PATH, SCRIPT_PATH
from controller.errors import SettingsError
from controller.settings import Settings

_RANGE_WORDS = (2, 3)
_PREFIX_BITS = 64
_LEAST_PREFIX_BITS = 64
"""What dnsmasq takes."""
_BITS = 128
_RA_INTERVAL_S = 60
_HTTP_CLIENT = "00,HTTPClient"
"""Vendor class that UEFI HTTP boot waits for (UEFI 2.10 section 24.7.3): an enterprise number, then ``HTTPClient`` with its length.

dnsmasq writes only words there, each behind its length in two bytes; so the first word makes the number, at which no firmware looks.
"""


def ipv6_lines(
    settings: Settings,
    base_url: str,
    *,
    architectures: Mapping[str, tuple[int, ...]],
    silent_tag: str,
    has_arm_loader: bool,
) -> tuple[str, ...]:
    """Return the lines for DHCPv6; none if ``dhcp6_range`` is empty.

    Args:
        settings: The controller's.
        base_url: This controller as machines reach it.
        architectures: Numbers of client architectures by the tag that they set, the same as of DHCP (RFC 5970 section 3.3).
        silent_tag: Cards with this tag get no loader.
        has_arm_loader: There is iPXE for ARM machines.

    Raises:
        SettingsError: The range is malformed, or machines with IPv6 alone could not reach ``base_url``.
    """
    if not settings.dhcp6_range:
        return ()
    host = _host(base_url)
    loaders = {"x86_64": UEFI_LOADER} | ({"arm64": ARM_LOADER} if has_arm_loader else {})
    lines = [
        f"dhcp-range={','.join(_range(settings.dhcp6_range))},{settings.dhcp_lease_s}",
        "enable-ra",
        "log-dhcp",  # it says whose address which is
        # this controller is nobody's way to other networks
        f"ra-param={dnsmasq_word(settings.dhcp_interface, 'dhcp_interface')},{_RA_INTERVAL_S},0",
        *(
            f"dhcp-match=set:{tag},option6:61,00:{number:02x}"
            for tag, numbers in architectures.items()
            for number in numbers
        ),
        f"dhcp-option=tag:!{silent_tag},tag:ipxe,option6:bootfile-url,{base_url}{SCRIPT_PATH}",
    ]
    for machine, file in loaders.items():
        wants = f"tag:!{silent_tag},tag:!ipxe"
        url = f"{base_url}{LOADER_PATH}/{file}"
        lines += [
            f"dhcp-option={wants},tag:efi-{machine},option6:bootfile-url,tftp://{host}/{file}",
            f"dhcp-option={wants},tag:http-{machine},option6:bootfile-url,{url}",
            f"dhcp-option-force={wants},tag:http-{machine},option6:16,{_HTTP_CLIENT}",
        ]
    return tuple(lines)


def _host(base_url: str) -> str:
    """Return the host as it stands in a URL.

    Raises:
        SettingsError: It is an IPv4 address.
    """
    host = urlsplit(base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host  # a name
    if isinstance(address, ipaddress.IPv6Address):
        return f"[{host}]"
    raise SettingsError(
        f"machines that boot over IPv6 (dhcp6_range) do not reach {base_url}: set public_url to a name, or to an IPv6 address such as"
        f" http://[2001:db8::1]:{urlsplit(base_url).port or 80}"
    )


def _range(text: str) -> tuple[str, str, str]:
    words = [word.strip() for word in text.split(",")]
    try:
        network, first, last = _network(words)
    except ValueError as error:
        raise SettingsError(
            f"dhcp6_range is {text!r}: {error}; give first,last[,prefix length], for example "
            "2001:db8::100,2001:db8::1ff,64"
        ) from error
    return str(first), str(last), str(network.prefixlen)


def _network(
    words: Sequence[str],
) -> tuple[ipaddress.IPv6Network, ipaddress.IPv6Address, ipaddress.IPv6Address]:
    if len(words) not in _RANGE_WORDS:
        raise ValueError("it has not two or three parts")
    first, last = (ipaddress.IPv6Address(word) for word in words[:2])
    prefix_bits = int(words[2]) if words[2:] else _PREFIX_BITS
    if not _LEAST_PREFIX_BITS <= prefix_bits <= _BITS:
        raise ValueError(f"a prefix has {_LEAST_PREFIX_BITS} to {_BITS} bits")
    network = ipaddress.IPv6Network((first, prefix_bits), strict=False)
    if last < first or last not in network:
        raise ValueError("its last address comes before its first, or is in another network")
    return network, first, last
