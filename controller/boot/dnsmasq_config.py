"""The configuration of dnsmasq as text, and what its log lines mean. Pure; options as in dnsmasq(8), version 2.90.

A machine boots in two steps: its firmware gets a first loader (iPXE) by TFTP or HTTP, then iPXE, which says so in
option 175 and in its user class, gets the URL of the controller's script. NICs whose ROM is iPXE skip the first step.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.protocol.hardware_address import mac_of_bootif
from controller.boot.script_text import dnsmasq_word
from controller.boot.urls import LOADER_PATH, SCRIPT_PATH, public_url
from controller.errors import SettingsError
from controller.settings import Settings

BIOS_LOADER = "undionly.kpxe"
UEFI_LOADER = "snponly.efi"
ARM_LOADER = "snponly-arm64.efi"
_ACK = re.compile(r"DHCPACK\(\S+\) (?P<ip>[\d.]+) (?P<mac>[0-9a-f:-]{17,})")
_PROXY = re.compile(r"PXE\(\S+\) (?:(?P<ip>[\d.]+) )?(?P<mac>[0-9a-f:-]{17,}) ")
_WARNINGS = (
    "no address range available",
    "no address available",
    "not found",
    "failed sending",
    "cannot access",
    "Permission denied",
)
_RANGE_WORDS = (2, 3)
_UEFI_TAGS = {"efi-x86_64": (7, 9), "efi-arm64": (11,), "http-x86_64": (16,), "http-arm64": (19,)}
"""Client system architectures by tag (RFC 4578 and IANA "Processor Architecture Types")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpEvent:
    """A machine has got an address, or an answer of the proxy."""

    mac: str
    ip: str | None
    """``None`` = another server gives the addresses."""
    at: float
    """Seconds since the epoch."""


def dnsmasq_config(settings: Settings, *, lease_file: Path, has_arm_loader: bool) -> str:
    """Return dnsmasq's configuration file for the modes ``range`` and ``proxy``.

    Raises:
        SettingsError: A setting is missing or malformed.
    """
    if not settings.dhcp_interface:
        raise SettingsError(
            "dhcp needs dhcp_interface: the network interface that the machines boot from"
        )
    interface = dnsmasq_word(settings.dhcp_interface, "dhcp_interface")
    base_url = dnsmasq_word(_reachable_url(settings), "public_url")
    common = (
        "# Written by ingot-controller at every start; change its settings instead.",
        "port=0",
        f"interface={interface}",
        "bind-interfaces",
        "no-ping",
        f"dhcp-leasefile={dnsmasq_word(str(lease_file), 'state_directory')}",
        f"enable-tftp={interface}",
        f"tftp-root={dnsmasq_word(settings.tftp_directory, 'tftp_directory')}",
        "dhcp-match=set:ipxe,175",
        "dhcp-userclass=set:ipxe,iPXE",
        *(
            f"dhcp-match=set:{tag},option:client-arch,{number}"
            for tag, numbers in _UEFI_TAGS.items()
            for number in numbers
        ),
        f"tag-if=set:bios,{','.join(f'tag:!{tag}' for tag in _UEFI_TAGS)}",
    )
    mode = _proxy(settings) if settings.dhcp == "proxy" else _range(settings)
    boot = _boot(base_url, has_arm_loader=has_arm_loader)
    return "\n".join((*common, *mode, *boot)) + "\n"


def is_warning(line: str) -> bool:
    """Say whether a line of dnsmasq's log means that machines get no address or no loader."""
    return any(words in line for words in _WARNINGS)


def read_event(line: str, at: float) -> DhcpEvent | None:
    """Return what a line of dnsmasq's log says about a machine; ``None`` for all other lines."""
    ack, proxy = _ACK.search(line), _PROXY.search(line)
    match = ack or proxy
    mac = mac_of_bootif(match["mac"]) if match else None
    return DhcpEvent(mac=mac, ip=ack["ip"] if ack else None, at=at) if mac else None


def _range(settings: Settings) -> tuple[str, ...]:
    words = [word.strip() for word in settings.dhcp_range.split(",")]
    if len(words) not in _RANGE_WORDS:
        raise SettingsError(
            f"dhcp_range is {settings.dhcp_range!r}; give first,last[,netmask], for example "
            "192.0.2.100,192.0.2.199,255.255.255.0"
        )
    first, last = (ipaddress.IPv4Address(_address(word)) for word in words[:2])
    if first > last:
        raise SettingsError(
            f"dhcp_range is {settings.dhcp_range!r}; its first address comes after its last"
        )
    words = [_address(word) for word in words]
    router = f",{_address(settings.dhcp_router)}" if settings.dhcp_router else ""
    dns = f",{_address(settings.dhcp_dns)}" if settings.dhcp_dns else ""
    return (
        f"dhcp-range={','.join(words)},{settings.dhcp_lease_s}",
        "dhcp-authoritative",
        "dhcp-option=tag:ipxe,encap:175,176,1b",  # iPXE need not wait for a proxy: some seconds less
        f"dhcp-option=option:router{router}",
        f"dhcp-option=option:dns-server{dns}",
    )


def _proxy(settings: Settings) -> tuple[str, ...]:
    """Answer beside another DHCP server: boot services by architecture, numbers of RFC 4578.

    iPXE takes the file of ``dhcp-boot`` at once; a boot service would cost it 15 s of asking around.
    """
    network = _address(settings.dhcp_range.partition("/")[0])
    return (
        f"dhcp-range={network},proxy",
        f"pxe-service=tag:!ipxe,0,iPXE,{BIOS_LOADER}",
        *(f"pxe-service=tag:!ipxe,{number},iPXE,{UEFI_LOADER}" for number in (7, 9)),
    )


def _boot(base_url: str, *, has_arm_loader: bool) -> tuple[str, ...]:
    http_loader = f"{base_url}{LOADER_PATH}"
    arm = (
        (
            f"dhcp-boot=tag:!ipxe,tag:efi-arm64,{ARM_LOADER}",
            f"dhcp-boot=tag:!ipxe,tag:http-arm64,{http_loader}/{ARM_LOADER}",
            "dhcp-option-force=tag:http-arm64,60,HTTPClient",
        )
        if has_arm_loader
        else ()
    )
    return (
        # iPXE takes the file of a proxy at once only if there is a next server too, whatever it is good for
        f"dhcp-boot=tag:ipxe,{base_url}{SCRIPT_PATH},,{urlsplit(base_url).hostname}",
        f"dhcp-boot=tag:!ipxe,tag:bios,{BIOS_LOADER}",
        f"dhcp-boot=tag:!ipxe,tag:efi-x86_64,{UEFI_LOADER}",
        f"dhcp-boot=tag:!ipxe,tag:http-x86_64,{http_loader}/{UEFI_LOADER}",
        "dhcp-option-force=tag:http-x86_64,60,HTTPClient",
        *arm,
    )


def _reachable_url(settings: Settings) -> str:
    """Return the base URL; one that only this machine reaches boots nothing."""
    url = public_url(settings)
    host = urlsplit(url).hostname or ""
    is_here = host == "localhost"
    try:
        address = ipaddress.ip_address(host)
        is_here = address.is_loopback or address.is_unspecified
    except ValueError:
        pass  # a host name
    if is_here:
        raise SettingsError(
            f"machines cannot boot from {url}: set public_url to an address of this controller on "
            f"{settings.dhcp_interface}, for example http://192.0.2.1:{settings.listen_port}"
        )
    return url


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text.strip()))
    except ValueError as error:
        raise SettingsError(f"{text!r} in the dhcp settings is no IPv4 address: {error}") from error
