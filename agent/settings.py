"""The agent's settings: one frozen dataclass, from flags, kernel arguments, a TOML file and defaults, in this order.

Kernel arguments have the names that Ironic and its agent use, so that the ramdisk boots from any of them;
``docs/reference/kernel-arguments.md`` is generated from the fields and the texts under them.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from agent.errors import SettingError
from agent.protocol.hardware_address import mac_of_bootif
from agent.protocol.loose_values import truth_word
from agent.protocol.web_address import is_web_address
from agent.system.kernel_cmdline import parse_kernel_cmdline

MDNS = "mdns"
"""Stands for an address that is asked of the local network."""


def _setting(
    default: Any, argument: str = "", *, choices: tuple[str, ...] = (), least: float | None = None
) -> Any:
    """Declare a field; ``argument`` is its kernel argument (empty: file and flags only)."""
    metadata = {"argument": argument, "choices": choices, "least": least}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. Times are seconds; empty text means "not given"."""

    api_urls: tuple[str, ...] = _setting((), "ipa-api-url")
    """Addresses of the controller, separated by commas, tried in this order; ``mdns``: whoever announces himself as Ironic by multicast DNS."""
    insecure: bool = _setting(default=False, argument="ipa-insecure")
    """Do not verify the controller's TLS certificate."""
    ca_file: str = _setting("")
    """PEM file of the authorities that may sign the controller's certificate; empty: the ramdisk's own."""
    global_request_id: str = _setting("", "ipa-global-request-id")
    """Sent as ``X-OpenStack-Request-ID`` with every request, to find this boot in the controller's log."""
    http_request_timeout_s: float = _setting(30.0, "ipa-http-request-timeout", least=0.1)
    """Longest wait for one answer of the controller."""
    lookup_timeout_s: float = _setting(600.0, "ipa-lookup-timeout", least=0)
    """How long the agent goes on asking who it is before it gives up."""
    lookup_interval_s: float = _setting(1.0, "ipa-lookup-interval", least=0)
    """Shortest pause between two lookups; it doubles up to 60 s, with jitter."""
    agent_token: str = _setting("", "ipa-agent-token")
    """The token, when it comes with the boot (virtual media) instead of with the lookup."""
    standalone: bool = _setting(default=False, argument="ipa-standalone")
    """No controller: serve the API only; the node is told by ``poll.set_node_info``."""
    inspection_callback_urls: tuple[str, ...] = _setting((), "ipa-inspection-callback-url")
    """Where the inventory is posted before anything else; separated by commas; ``mdns``: as with ``ipa-api-url``."""
    inspection_collectors: str = _setting("", "ipa-inspection-collectors")
    """What is collected, separated by commas (``docs/reference/inspection.md``); empty: ``default``, ``logs`` and what plug-ins add. With ``ipa-api-url`` and without a callback URL the result goes to ``<ipa-api-url>/v1/continue_inspection``."""
    inspection_benchmarks: str = _setting("", "ipa-inspection-benchmarks")
    """Benchmarks of the collector ``extra-hardware``, separated by commas: ``cpu``, ``mem``, ``disk`` (read only); empty: none."""
    inspection_dhcp_wait_timeout_s: float = _setting(
        60.0, "ipa-inspection-dhcp-wait-timeout", least=0
    )
    """How long an inspection waits for the address of the interface that the machine was booted from; 0: not at all."""
    inspection_dhcp_all_interfaces: bool = _setting(
        default=False, argument="ipa-inspection-dhcp-all-interfaces"
    )
    """Wait for the addresses of all interfaces that have a carrier."""
    lldp_timeout_s: float = _setting(30.0, "ipa-lldp-timeout", least=0)
    """Longest wait of the collector ``lldp``, for all interfaces together."""
    collect_lldp: bool = _setting(default=False, argument="ipa-collect-lldp")
    """Run the collector ``lldp`` and put its raw data into the inventory's interfaces, too."""
    mdns_lookup_attempts: int = _setting(3, least=1)
    """How often the local network is asked for a service; the first wait is 0.5 s, each further one twice as long."""

    listen_host: str = _setting("::", "ipa-listen-host")
    """Address the API is served on; ``::`` is every address, IPv4 too."""
    listen_port: int = _setting(9999, "ipa-listen-port", least=0)
    """Port of the API; 0: any free port."""
    advertise_host: str = _setting("", "ipa-advertise-host")
    """Address the controller shall call; empty: the source address of the route to the controller."""
    advertise_port: int = _setting(0, "ipa-advertise-port", least=0)
    """Port the controller shall call; 0: the port that is served."""
    advertise_protocol: str = _setting("", "ipa-advertise-protocol", choices=("", "http", "https"))
    """Protocol the controller shall use; empty: ``https`` with TLS, else ``http``."""
    network_ready_file: str = _setting("")
    """Use the network only when this file exists, so that the agent can be started before; empty: at once."""
    network_interface: str = _setting("", "ipa-network-interface")
    """Take the callback address from this interface instead of from the route."""
    ip_lookup_attempts: int = _setting(6, "ipa-ip-lookup-attempts", least=1)
    """How often the callback address is looked for; times ``ip_lookup_timeout_s`` is the longest wait for a route."""
    ip_lookup_timeout_s: float = _setting(10.0, "ipa-ip-lookup-timeout", least=0)
    """See ``ip_lookup_attempts``."""
    tls: bool = _setting(default=True)
    """Serve the API over TLS with a self-signed certificate; Ironic insists on it."""
    tls_min_version: str = _setting("1.2", "ipa-tls-min-version", choices=("1.2", "1.3"))
    """Oldest TLS version of the API; the controller's answer to the lookup wins."""
    tls_cipher_suites: str = _setting("", "ipa-tls-cipher-suites")
    """OpenSSL cipher list for TLS 1.2; empty: OpenSSL's own; the controller's answer to the lookup wins."""
    tls_certificate_curve: str = _setting(
        "p384", "ipa-tls-certificate-curve", choices=("p256", "p384", "p521")
    )
    """Elliptic curve of the certificate's key."""
    tls_clock_skew_s: int = _setting(7 * 86400, least=0)
    """How far in the past the certificate begins, for controllers whose clock is behind."""
    ntp_servers: str = _setting("", "ipa-ntp-server")
    """Time servers (``host`` or ``host:port``, separated by commas) that set the clock before anything is verified; before those of DHCP."""
    ntp_servers_file: str = _setting("/run/ingot/ntp-servers")
    """File into which the ramdisk's DHCP client writes the time servers of its answer (option 42)."""

    hardware_initialization_delay_s: float = _setting(
        0.0, "ipa-hardware-initialization-delay", least=0
    )
    """Pause before the hardware is looked at, for devices that appear late."""
    disk_wait_attempts: int = _setting(10, "ipa-disk-wait-attempts", least=0)
    """How often a first disk is looked for; times ``disk_wait_delay_s`` is the longest wait for it."""
    disk_wait_delay_s: float = _setting(3.0, "ipa-disk-wait-delay", least=0)
    """See ``disk_wait_attempts``."""
    ignore_bootloader_failure: bool = _setting(
        default=False, argument="ipa-ignore-bootloader-failure"
    )
    """Call a deployment good although the firmware could not be told to boot it; the controller's word wins."""
    allow_unverified_images: bool = _setting(
        default=False, argument="ingot-allow-unverified-images"
    )
    """Write an image although there is no checksum of it and no registry that knows its digest."""
    allow_md5_images: bool = _setting(default=False, argument="ingot-allow-md5-images")
    """Accept MD5 checksums, which protect against accidents only; the controller's answer to the lookup may allow them too."""
    image_folders: str = _setting("", "ingot-image-folders")
    """Folders below which ``file:`` images may lie, separated by commas; empty: no such images."""
    insecure_registries: str = _setting("", "ingot-insecure-registries")
    """Registries (``host`` or ``host:port``, separated by commas) that are spoken to over http; this machine itself always is."""
    image_ca_file: str = _setting("")
    """PEM file of further authorities that may sign certificates of image servers; those of ``ca_file`` and the ramdisk's own may, too."""
    image_ca: str = _setting("", "ingot-image-ca")
    """The same as text: PEM, or the base64 of it, as a kernel argument has to be."""
    image_insecure: bool = _setting(default=False, argument="ingot-image-insecure")
    """Do not verify certificates of image servers; every deployment says so. ``ipa-insecure`` does not do this."""
    image_stall_timeout_s: float = _setting(60.0, "ingot-image-stall-timeout", least=0.1)
    """Longest wait for an image server; there is no limit on the whole transfer."""
    image_stall_bytes: int = _setting(65536, "ingot-image-stall-bytes", least=0)
    """What must come from an image server in ``image_stall_timeout_s`` of waiting, or the connection counts as stalled."""
    image_verify: str = _setting(
        "sample", "ingot-image-verify", choices=("none", "sample", "whole")
    )
    """How much of a written image is read back from the disk and compared before the disk can boot."""
    config_drive_rebuild: bool = _setting(default=False, argument="ingot-config-drive-rebuild")
    """Put the files of every config drive into a FAT filesystem, as is done anyway where its own cannot be mounted."""
    inject_files_priority: int = _setting(0, "ipa-inject-files-priority", least=0)
    """Priority of the step ``inject_files`` in deployments and services, at most 99; 0: only on request."""
    disable_bootc_deploy: bool = _setting(default=False, argument="ingot-disable-bootc-deploy")
    """Install no bootable containers: programs of the image would run as root in this ramdisk, whoever chose it."""
    boot_interface: str = _setting("", "BOOTIF")
    """The interface this ramdisk was booted from, as the network loader wrote it."""

    rescue_password_file: str = _setting("/etc/ipa-rescue-config/ipa-rescue-password")
    """File in which the ramdisk's login service waits for the hash of the rescue password; the path is that of Ironic's agent."""
    rescue_ssh_port: int = _setting(22, least=1)
    """Port at which the SSH server of the rescue login answers."""
    state_directory: str = _setting("/run/ingot")
    """Where results, token and certificate are kept while the ramdisk runs; a restarted agent goes on from there."""
    log_file: str = _setting("")
    """File for the log as JSON lines, beside the console; empty: none."""
    screen: bool = _setting(default=True, argument="ingot-screen")
    """Show state, addresses and the last error on the machine's own consoles."""
    debug: bool = _setting(default=False, argument="ipa-debug")
    """Log every program that is run and every request."""

    @property
    def boot_mac(self) -> str | None:
        """MAC address of the interface this ramdisk was booted from; ``None`` = not given."""
        return mac_of_bootif(self.boot_interface)

    @property
    def collectors(self) -> tuple[str, ...]:
        """Names of the collectors that were asked for; ``()`` = the usual ones."""
        return tuple(filter(None, (n.strip() for n in self.inspection_collectors.split(","))))

    @property
    def inspection_urls(self) -> tuple[str, ...]:
        """Where inspections are posted; ``()`` = nobody wants one (Ironic's agent goes by the same rule)."""
        if self.inspection_callback_urls or not self.collectors:
            return self.inspection_callback_urls
        return tuple(f"{url.removesuffix('/v1')}/v1/continue_inspection" for url in self.api_urls)

    @classmethod
    def from_sources(
        cls, cmdline_text: str, file_text: str | None, overrides: Mapping[str, object]
    ) -> Self:
        """Build the settings from text, without touching the machine.

        Args:
            cmdline_text: The kernel command line.
            file_text: A TOML document with the fields' names as keys; ``None`` = no file.
            overrides: Values by field name, from flags; ``None`` values do not count.

        Raises:
            SettingError: A value is of the wrong kind or out of range, or the file has an unknown key.
        """
        values: dict[str, object] = _from_file(file_text) if file_text is not None else {}
        arguments = parse_kernel_cmdline(cmdline_text)
        for known in fields(cls):
            name = known.metadata["argument"]
            if name in arguments:
                values[known.name] = _parse(known, arguments[name] or "", f"kernel argument {name}")
        values |= {name: value for name, value in overrides.items() if value is not None}
        return cls(**values)  # type: ignore[arg-type]  # every value was parsed by its field's type


def unknown_arguments(cmdline_text: str) -> tuple[str, ...]:
    """Return the names of the agent's kernel arguments that no setting answers to, in order."""
    known = {f.metadata["argument"] for f in fields(Settings)}
    given = parse_kernel_cmdline(cmdline_text)
    return tuple(
        name for name in given if name.startswith(("ipa-", "ingot-")) and name not in known
    )


def _from_file(text: str) -> dict[str, object]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"settings file: not TOML: {error}") from error
    known = {f.name: f for f in fields(Settings)}
    values: dict[str, object] = {}
    for name, value in document.items():
        if name not in known:
            raise SettingError(
                f"settings file: unknown key {name!r}; known: {', '.join(sorted(known))}"
            )
        written = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        values[name] = _parse(known[name], written, f"settings file: {name}")
    return values


def _parse(known: "Field[Any]", written: str, where: str) -> object:
    """Turn text into the field's type and check it.

    Raises:
        SettingError: It is not of that type or out of range; the message names ``where``, and not what a token was.
    """
    try:
        value = _PARSERS[known.type](written)
    except ValueError as error:
        raise SettingError(f"{where}: {error}") from error
    choices, least = known.metadata["choices"], known.metadata["least"]
    if choices and value not in choices:
        raise SettingError(
            f"{where}: {written!r} is not one of {', '.join(c for c in choices if c)}"
        )
    if least is not None and isinstance(value, int | float) and value < least:
        raise SettingError(f"{where}: {written} is less than {least:g}")
    return value


def _parse_bool(written: str) -> bool:
    """Return what a kernel argument says; one without a value switches on."""
    said = truth_word(written) if written.strip() else True
    if said is None:
        raise ValueError(f"{written!r} is neither true nor false")
    return said


def _parse_int(written: str) -> int:
    try:
        return int(written)
    except ValueError:
        raise ValueError(f"{written!r} is not a whole number") from None


def _parse_float(written: str) -> float:
    try:
        return float(written)
    except ValueError:
        raise ValueError(f"{written!r} is not a number") from None


def _parse_urls(written: str) -> tuple[str, ...]:
    urls = tuple(part.strip().rstrip("/") for part in written.split(",") if part.strip())
    if urls == (MDNS,):
        return urls
    for url in urls:
        if not is_web_address(url):
            raise ValueError(f"{url!r} is not an http:// or https:// address, nor {MDNS} alone")
    return urls


_PARSERS: Mapping[Any, Callable[[str], object]] = {
    bool: _parse_bool,
    int: _parse_int,
    float: _parse_float,
    str: str,
    tuple[str, ...]: _parse_urls,
}
