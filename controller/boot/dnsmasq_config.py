"""The configuration of dnsmasq as text. Pure; options as in dnsmasq(8), version 2.90.

A machine boots in two steps: its firmware gets a first loader (iPXE) by TFTP or HTTP, then iPXE, which says so in
option 175 and in its user class, gets the URL of the controller's script. NICs whose ROM is iPXE skip the first step.
Cards that the hosts' file names get shim and GRUB instead, which asks by TFTP and never again by DHCP.
"""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from agent.protocol.hardware_address import mac_of_bootif
from controller.boot.dnsmasq_v6 import ipv6_lines
from controller.boot.loaders import ARM_LOADER, BIOS_GRUB, BIOS_LOADER, SHIM, UEFI_LOADER
from controller.boot.script_text import dnsmasq_word
from controller.boot.urls import LOADER_PATH, MEDIUM_PATH, SCRIPT_PATH, public_url
from controller.errors import SettingsError
from controller.settings import Settings

_LISTED = "listed"
"""Tag of the cards that get another loader than the setting says."""
_SILENT = "silent"
"""Tag of the cards that get no loader: their machines go on to their disks."""
_RANGE_WORDS = (2, 3)
_UEFI_TAGS = {"efi-x86_64": (7, 9), "efi-arm64": (11,), "http-x86_64": (16,), "http-arm64": (19,)}
"""Client system architectures by tag (RFC 4578 and IANA "Processor Architecture Types")."""
_PXE_SERVICES = {"bios": (0,), "efi-x86_64": (7, 9)}
"""Those that a proxy offers boot services to."""


def dnsmasq_config(
    settings: Settings,
    *,
    lease_file: Path,
    hosts_file: Path,
    tftp_root: Path,
    has_arm_loader: bool,
    has_grub: bool,
    has_bios_grub: bool = False,
) -> str:
    """Return dnsmasq's configuration file for the modes ``range`` and ``proxy``.

    Args:
        settings: The controller's.
        lease_file: Where dnsmasq keeps its leases.
        hosts_file: What :func:`hosts_of` returned; dnsmasq reads it again at each SIGHUP.
        tftp_root: The folder with the loaders.
        has_arm_loader: There is iPXE for ARM machines.
        has_grub: There are shim and GRUB for UEFI.
        has_bios_grub: There is GRUB for BIOS.

    Raises:
        SettingsError: A setting is missing or malformed.
    """
    is_proxy = settings.dhcp == "proxy"
    _check(settings, is_proxy=is_proxy)
    base_url = dnsmasq_word(_reachable_url(settings), "public_url")
    common = _common(settings, lease_file=lease_file, hosts_file=hosts_file, tftp_root=tftp_root)
    loaders = _loaders(
        settings,
        has_grub=has_grub and not is_proxy,
        has_bios_grub=has_bios_grub and not is_proxy,
    )
    if has_arm_loader:
        arm = (_Loader(firmware=f"{way}-arm64", file=ARM_LOADER) for way in ("efi", "http"))
        loaders = (*loaders, *arm)
    ipv6 = ipv6_lines(
        settings,
        base_url,
        architectures=_UEFI_TAGS,
        silent_tag=_SILENT,
        has_arm_loader=has_arm_loader,
    )
    if ipv6 and not settings.dhcp_range:
        return "\n".join((*common, *ipv6)) + "\n"
    mode = _proxy(settings, loaders) if is_proxy else _range(settings)
    boot = _boot(base_url, loaders)
    return "\n".join((*common, *mode, *boot, *ipv6)) + "\n"


def _check(settings: Settings, *, is_proxy: bool) -> None:
    """Refuse settings that do not go together."""
    if not settings.dhcp_interface:
        raise SettingsError(
            "dhcp needs dhcp_interface: the network interface that the machines boot from"
        )
    if is_proxy and settings.loader == "grub":
        raise SettingsError(
            'loader = "grub" needs dhcp = "range": GRUB fetches its script from the server that gave the address'
        )
    if is_proxy and settings.dhcp6_range:
        raise SettingsError('dhcp6_range needs dhcp = "range": a proxy gives no addresses')


def _common(
    settings: Settings, *, lease_file: Path, hosts_file: Path, tftp_root: Path
) -> tuple[str, ...]:
    """Return the lines of every mode: where dnsmasq listens, its files, and how it tells machines apart."""
    interface = dnsmasq_word(settings.dhcp_interface, "dhcp_interface")
    return (
        "# Written by ingot-controller at every start; change its settings instead.",
        "port=0",
        f"interface={interface}",
        "bind-interfaces",
        "no-ping",
        f"dhcp-leasefile={dnsmasq_word(str(lease_file), 'state_directory')}",
        f"enable-tftp={interface}",
        f"tftp-root={dnsmasq_word(str(tftp_root), 'state_directory')}",
        f"dhcp-hostsfile={dnsmasq_word(str(hosts_file), 'state_directory')}",
        "dhcp-match=set:ipxe,175",
        "dhcp-userclass=set:ipxe,iPXE",
        *(
            f"dhcp-match=set:{tag},option:client-arch,{number}"
            for tag, numbers in _UEFI_TAGS.items()
            for number in numbers
        ),
        f"tag-if=set:bios,{','.join(f'tag:!{tag}' for tag in _UEFI_TAGS)}",
    )


def hosts_of(macs: Collection[str], without: Collection[str] = ()) -> str:
    """Return the hosts' file: the cards whose first loader is not the one of the setting ``loader``, and those ``without`` one."""
    tags: dict[str, str] = {}
    for tag, cards in ((_LISTED, macs), (_SILENT, without)):
        for mac in filter(None, map(mac_of_bootif, cards)):
            tags[mac] = f"{tags.get(mac, '')},set:{tag}"
    return "".join(f"{mac}{words}\n" for mac, words in sorted(tags.items()))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Loader:
    """What one kind of firmware gets first."""

    firmware: str
    """Tag."""
    file: str
    """By TFTP; for UEFI HTTP boot below the loaders' URL, or a path of its own."""
    wants: str = ""
    """Tag that the card must have, or, with ``!``, must not have; empty: any card."""
    is_grub: bool = False

    @property
    def tags(self) -> str:
        """The conditions, as dnsmasq writes them; a card whose ROM is iPXE needs iPXE no more, but may get GRUB."""
        ipxe = "" if self.is_grub else "tag:!ipxe,"
        wants = f"tag:{self.wants}," if self.wants else ""
        return f"tag:!{_SILENT},{ipxe}{wants}tag:{self.firmware}"


def _loaders(settings: Settings, *, has_grub: bool, has_bios_grub: bool) -> tuple[_Loader, ...]:
    wants_grub, wants_ipxe = _LISTED, f"!{_LISTED}"
    if settings.loader == "grub":
        wants_grub, wants_ipxe = wants_ipxe, wants_grub
    found = [
        _Loader(firmware="bios", file=BIOS_LOADER, wants=wants_ipxe if has_bios_grub else ""),
        _Loader(firmware="efi-x86_64", file=UEFI_LOADER, wants=wants_ipxe if has_grub else ""),
        _Loader(firmware="http-x86_64", file=UEFI_LOADER, wants=wants_ipxe if has_grub else ""),
    ]
    if has_grub:
        found += [
            _Loader(firmware="efi-x86_64", file=SHIM, wants=wants_grub, is_grub=True),
            _Loader(firmware="http-x86_64", file=MEDIUM_PATH, wants=wants_grub, is_grub=True),
        ]
    if has_bios_grub:
        found.append(_Loader(firmware="bios", file=BIOS_GRUB, wants=wants_grub, is_grub=True))
    return tuple(found)


def _proxy(settings: Settings, loaders: Sequence[_Loader]) -> tuple[str, ...]:
    """Answer beside another DHCP server: boot services by architecture, numbers of RFC 4578.

    iPXE takes the file of ``dhcp-boot`` at once; a boot service would cost it 15 s of asking around.
    """
    network = _address(settings.dhcp_range.partition("/")[0])
    services = [
        f"pxe-service={loader.tags},{number},iPXE,{loader.file}"
        for loader in loaders
        for number in _PXE_SERVICES.get(loader.firmware, ())
    ]
    return (f"dhcp-range={network},proxy", *services)


def _boot(base_url: str, loaders: Sequence[_Loader]) -> tuple[str, ...]:
    host = urlsplit(base_url).hostname or ""
    if ":" in host:
        raise SettingsError(
            f"machines that boot over IPv4 do not reach {base_url}: set public_url to an IPv4 address or a name, or leave "
            "dhcp_range empty and set dhcp6_range"
        )
    # iPXE takes the file of a proxy at once only if there is a next server too, whatever it is good for
    script = f"{base_url}{SCRIPT_PATH},,{host}"
    grub = {loader.firmware: loader.wants for loader in loaders if loader.is_grub}
    lines = [
        f"dhcp-boot=tag:!{_SILENT},tag:ipxe,tag:{firmware}{_unless(grub.get(firmware))},{script}"
        for firmware in ("bios", *_UEFI_TAGS)
    ]
    for loader in loaders:
        is_http = loader.firmware.startswith("http-")
        path = loader.file if loader.file.startswith("/") else f"{LOADER_PATH}/{loader.file}"
        lines.append(f"dhcp-boot={loader.tags},{f'{base_url}{path}' if is_http else loader.file}")
        if is_http:
            lines.append(f"dhcp-option-force=tag:!{_SILENT},tag:{loader.firmware},60,HTTPClient")
    return tuple(dict.fromkeys(lines))


def _unless(tag: str | None) -> str:
    """Return the condition that a card has not this tag; ``None`` = none."""
    if not tag:
        return ""
    return f",tag:{tag[1:]}" if tag.startswith("!") else f",tag:!{tag}"


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
