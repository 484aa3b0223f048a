"""The controller's settings: one frozen dataclass, which ``controller/load_settings.py`` puts together.

``docs/reference/controller-settings.md`` is generated from the fields and the texts under them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from controller.cleaning_settings import CleaningSettings
from controller.console_settings import ConsoleSettings
from controller.container_settings import ContainerSettings
from controller.inspection_settings import InspectionSettings
from controller.interface_settings import InterfaceSettings
from controller.iscsi_settings import IscsiSettings
from controller.keystone_settings import KeystoneSettings
from controller.notification_settings import NotificationSettings
from controller.redfish_settings import RedfishSettings
from controller.sensor_settings import SensorSettings
from controller.setting_words import words_of
from controller.switch_settings import SwitchSettings

_CALLS_PER_STAGE = 3
"""No stage makes more calls to a BMC or an agent than this before it ends."""
_BESIDE_CALLS_S = 30.0
"""What a stage may take beside its calls, on a machine that is busy."""
_WAITS_PER_IMAGE_CHECK = 10
"""For the connection and for the answer, of the image's server and of four that it may send on to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(
    InterfaceSettings,
    CleaningSettings,
    ConsoleSettings,
    ContainerSettings,
    InspectionSettings,
    IscsiSettings,
    KeystoneSettings,
    NotificationSettings,
    RedfishSettings,
    SensorSettings,
    SwitchSettings,
):
    """Everything that can be set. Times are seconds; paths are absolute or relative to ``state_directory``."""

    state_directory: str = "/var/lib/ingot"
    """Where the controller keeps its database, run-time files and dnsmasq's leases."""
    database_url: str = ""
    """SQLAlchemy URL; empty: SQLite file ``ingot.sqlite`` in the state directory."""
    secrets_key_file: str = ""
    """File with the keys of the secrets in the database, made at the first start; empty: ``secrets.key`` in the state directory. Controllers that share a database need the same file."""
    hostname: str = ""
    """This controller's name among controllers; empty: the host name."""

    listen_host: str = "127.0.0.1"
    """Address the API and the boot files are served on."""
    listen_port: int = 6385
    """Port of the API."""
    public_url: str = ""
    """URL under which booting machines and agents reach this API; empty: ``http://<listen_host>:<listen_port>``."""
    threads: int = 64
    """Requests of people (API, web page) that are served at a time; for each kind, one address gets at most a quarter."""
    agent_threads: int = 32
    """Requests of agents (lookup, heartbeat, inspection data) that are served at a time."""
    file_threads: int = 8
    """Requests for files and boot scripts (``/boot``, ``/images``) that are answered at a time; sending them takes no thread."""
    file_transfers: int = 256
    """Files that are sent at a time; when all places are taken, an address with fewer displaces one with the most."""
    file_rate: int = 16384
    """Bytes per second that a file is read with at least, on average over two minutes; slower readers are cut off."""
    connections: int = 1024
    """Open connections in all; one address gets at most a quarter."""
    auth_strategy: str = "noauth"
    """``noauth``, ``http_basic`` or ``keystone`` (``docs/how-to/use-keystone.md``)."""
    htpasswd_file: str = ""
    """File of ``user:bcrypt-hash`` lines for ``http_basic``."""
    roles_file: str = ""
    """File of ``user:role`` and ``user:role:project`` lines for ``http_basic`` (``docs/how-to/give-colleagues-some-rights.md``); who has no line in it has no rights. Empty: every user may do everything."""
    project_admin_can_manage_own_nodes: bool = True
    """Let the role ``admin`` in a project create and delete nodes of that project."""
    allow_unauthenticated: bool = False
    """Listen beyond loopback although ``auth_strategy`` is ``noauth``; only on a network you trust."""

    allowed_hosts: str = ""
    """Further names, with commas between, by which browsers and clients may call this controller (``Host``), and whose pages may change things; a proxy's, for instance."""

    dhcp: str = "off"
    """``off``, ``range`` (dnsmasq hands out addresses) or ``proxy`` (beside an existing DHCP server)."""
    dhcp_interface: str = ""
    """Network interface dnsmasq serves."""
    dhcp_range: str = ""
    """``first,last[,netmask]`` for ``range``; the network address for ``proxy``."""
    dhcp6_range: str = ""
    """IPv6 addresses that ``range`` hands out by DHCPv6, ``first,last[,prefix length]``, also without ``dhcp_range``: machines then boot over IPv6. Empty: none."""
    dhcp_router: str = ""
    """Default gateway handed out; empty: none."""
    dhcp_dns: str = ""
    """DNS server handed out; empty: none."""
    dhcp_lease_s: int = 3600
    """Lease time."""
    tftp_directory: str = "/usr/lib/ipxe"
    """Where ``undionly.kpxe`` and ``snponly.efi`` are."""
    grub_directory: str = "/usr/lib"
    """Where ``shim/shimx64.efi.signed`` and ``grub/`` are: the loaders of nodes with the boot interface ``pxe``."""
    loader: str = "ipxe"
    """What firmware gets first of machines whose node does not say it by its boot interface: ``ipxe``, or ``grub`` (signed, so that Secure Boot may be on)."""
    sender_check: str = "lease"
    """From where lookups, heartbeats and inspection results are taken: ``lease`` (the address that this site's DHCP gave to a port of the node, where ``dhcp = "range"`` knows it; and agents call back to the address that they send from), ``callback`` (the latter alone), ``off`` (from anywhere, to anywhere)."""
    trusted_proxies: str = ""
    """Addresses or networks, separated by commas, of the proxies before this controller: their ``X-Forwarded-For`` says who sent a request."""
    unknown_machine: str = "explain"
    """What a machine that no port names gets: ``explain`` (says so and waits), ``local`` (boots its disk), ``inspect`` (boots the ramdisk and is discovered; see ``discovery``)."""

    deploy_kernel: str = ""
    """Kernel of the deploy ramdisk: a path or an http(s) URL; a node's ``driver_info.deploy_kernel`` wins."""
    deploy_ramdisk: str = ""
    """Initramfs of the deploy ramdisk, likewise."""
    kernel_append_params: str = "nofb vga=normal"
    """Kernel arguments for the ramdisk; ``%default%`` in a node's own stands for these."""
    image_directory: str = ""
    """Folder whose files are served below ``/images/``; empty: none."""
    image_store_directory: str = "image-store"
    """Folder of the registered images, served below ``/images/store/`` (``docs/how-to/keep-images.md``)."""
    image_store_mib: int = 0
    """How much it may hold, MiB; what is needed least gives way, if it can be fetched again. 0: what the disk has."""
    image_store_free_mib: int = 2048
    """So much of its disk stays free, MiB."""
    image_fetch_piece_s: float = 300.0
    """Longest time for one request (64 MiB, where the server has Range) while an image is fetched into the store."""
    image_fetch_whole_s: float = 7200.0
    """The same for a whole image of a server without Range."""
    default_boot_mode: str = "uefi"
    """Firmware mode of nodes whose ``capabilities`` say nothing: ``uefi`` or ``bios``."""

    allow_unverified_images: bool = False
    """Deploy images of which no checksum and no registry's digest is known, and have the ramdisk write them."""
    allow_md5_images: bool = False
    """Accept images that have only an MD5 sum, which protects against accidents only, and tell agents so."""
    enable_bios_bootloader_install: bool = False
    """Deploy partition images in BIOS mode too, and have agents install the image's own GRUB: programs of the image then run as root in the ramdisk (CVE-2026-43003; ours are contained, ``docs/how-to/deploy-a-partition-image.md``)."""

    burnin_required: str = ""
    """What a node must have passed before ``provide`` takes it, with commas between: ``cpu``, ``memory``, ``disk``, ``network``, ``gpu``; empty: nothing. A node's ``properties.burnin_required`` wins (``none`` = nothing)."""
    burnin_valid_days: int = 0
    """After how many days a passed burn-in no longer counts; 0: never."""

    rescue_password_hash_algorithm: str = "sha512"  # noqa: S105  # the name of a method
    """How the password of a rescue is hashed before it goes to the machine: ``sha256`` or ``sha512`` (crypt(5))."""
    require_rescue_password_hashed: bool = True
    """Refuse to rescue with a ramdisk whose agent takes no hash (real agents of before 2020); ``false``: such an agent gets the password itself."""
    history_entries_per_node: int = 1000
    """How many entries of a node's history are kept, the newest."""

    conductor_group: str = ""
    """Nodes with this ``conductor_group`` are this controller's; empty: those without one."""
    workers: int = 96
    """Most threads that do people's orders and what follows from them; half of them for machines that are slow or silent."""
    max_concurrent_deploy: int = 250
    """Most nodes that are deployed at a time, by all controllers of the database; the verb for one more is answered with 503. As Ironic's setting of this name."""
    max_concurrent_clean: int = 50
    """Most nodes that are deleted or cleaned at a time, likewise; ``provide`` is not limited. It keeps a slip from erasing everything."""
    background_workers: int = 32
    """Most threads that read the power state of idle nodes."""
    claim_lease_s: float = 30.0
    """How long a controller may be silent before others take its nodes over."""
    heartbeat_timeout_s: int = 300
    """Interval that agents are told; they send two to three heartbeats in it."""
    progress_poll_interval_s: float = 1.0
    """How often a running step is asked for its progress; a controller that is at many nodes asks less often, 50 in a second in all."""
    bmc_timeout_s: float = 30.0
    """Longest wait for one answer of a BMC."""
    bmc_tries: int = 3
    """How often a BMC is tried before an action on it counts as failed."""
    power_change_timeout_s: float = 60.0
    """Longest wait for a machine to reach the power state that its BMC accepted."""
    power_poll_interval_s: float = 0.5
    """How often the power state is asked for while it changes."""
    power_check_interval_s: float = 10.0
    """How often the power state is asked for while a machine boots the ramdisk."""
    soft_power_off_timeout_s: float = 600.0
    """How long an operating system may take to shut down when a soft power action was asked for."""
    agent_power_off_timeout_s: float = 30.0
    """How long the ramdisk may take to switch its machine off at the end of a deployment before the power is cut."""
    callback_timeout_s: float = 1800.0
    """Longest wait from power-on to the agent's first heartbeat."""
    agent_token_grace_s: float = 30.0
    """How long an agent that asks for its token a second time may take to its first heartbeat; after that its machine is booted anew."""
    fast_track: bool = False
    """Leave machines in the ramdisk after an inspection or a cleaning, and let the next workflow take the agent that runs there, without a boot; a node's ``driver_info.fast_track`` wins."""
    fast_track_timeout_s: float = 300.0
    """How old the last heartbeat of such an agent may be; with an older one the machine is booted."""
    local_boot_by_order: bool = False
    """Give machines that run the system on their disk (``active``) an address, but no loader, so that firmware which tries the network first goes on to the disk by its boot order; a node's ``driver_info.local_boot_by_order`` wins. Needs ``dhcp`` to be ``range`` or ``proxy``."""
    kexec: bool = False
    """Have the ramdisk start the deployed system itself at the end of a deployment, without a boot through the firmware; a node's ``driver_info.kexec`` wins."""
    kexec_timeout_s: float = 60.0
    """How long the agent may take to load the deployed system's kernel, and again to start it, before the machine is started through its firmware."""
    deploy_step_timeout_s: float = 14400.0
    """How long a deploy step may go without progress; one that reports none has this time in all."""
    clean_step_timeout_s: float = 14400.0
    """How long a clean step may go without progress; one that reports none has this time in all."""
    verify_step_timeout_s: float = 1800.0
    """How long a verify step may go without progress."""
    service_step_timeout_s: float = 14400.0
    """How long a service step may go without progress; one that reports none has this time in all."""
    step_stop_timeout_s: float = 60.0
    """How long an agent may take to stop a step in the middle when an abort asks for it."""
    erase_step_timeout_s: float = 259200.0
    """How long a step that erases whole disks may go without progress: three days, which is 16 TB at 62 MB/s."""
    agent_silence_timeout_s: float = 300.0
    """How long a step's agent may be unreachable before the step counts as failed."""
    agent_request_timeout_s: float = 30.0
    """Longest time for one call to an agent, from connecting to the last byte of its answer."""
    agent_require_tls: bool = True
    """Refuse agents that do not offer TLS."""
    power_sync_interval_s: float = 120.0
    """How often the power state of idle nodes is asked for, of 25 nodes a second at most; 0 = never."""
    power_sync_tries: int = 3
    """So many looks in a row that fail put an idle node into maintenance with the fault ``power failure``."""
    power_recovery_interval_s: float = 300.0
    """Longest pause between looks at a BMC that does not answer; when it does, the fault ends by itself."""
    verb_patience_s: float = 5.0
    """How long a request waits for a worker to let the node go before it is answered with 409."""
    image_check_timeout_s: float = 10.0
    """Longest time for the check of an image with its web server, redirects included, before the machine is touched."""
    config_drive_timeout_s: float = 30.0
    """Longest time for making a config drive from a dictionary."""
    dnsmasq_start_timeout_s: float = 10.0
    """Longest wait for dnsmasq to serve when the controller starts."""
    log_level: str = "INFO"
    """``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``."""

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the words of a setting that has commas between them."""
        return words_of(str(getattr(self, name)))

    def longest_stage_s(self) -> float:
        """Return how long one run of a stage takes at most; one that takes longer is stuck."""
        call_s = max(self.bmc_timeout_s, self.agent_request_timeout_s)
        image_s = _WAITS_PER_IMAGE_CHECK * self.image_check_timeout_s
        longest_s = max(_CALLS_PER_STAGE * call_s, image_s, self.switch_timeout_s)
        return longest_s + _BESIDE_CALLS_S


def setting_types() -> Mapping[str, type]:
    """Return the type of every setting by its name: ``str``, ``int``, ``float`` or ``bool``."""
    defaults = Settings()
    return {field.name: type(getattr(defaults, field.name)) for field in fields(Settings)}


def secret_settings() -> frozenset[str]:
    """Return the names of the settings whose values are shown nowhere."""
    return frozenset(field.name for field in fields(Settings) if not field.repr)
