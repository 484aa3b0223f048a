"""The controller's settings: one frozen dataclass, which ``controller/load_settings.py`` puts together.

``docs/reference/controller-settings.md`` is generated from the fields and the texts under them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from controller.console_settings import ConsoleSettings
from controller.interface_settings import InterfaceSettings
from controller.iscsi_settings import IscsiSettings
from controller.keystone_settings import KeystoneSettings
from controller.notification_settings import NotificationSettings
from controller.redfish_settings import RedfishSettings
from controller.sensor_settings import SensorSettings
from controller.setting_words import class_runbooks, step_priorities, words_of
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
    IscsiSettings,
    KeystoneSettings,
    RedfishSettings,
    SensorSettings,
    SwitchSettings,
    ConsoleSettings,
    NotificationSettings,
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

    automated_clean: bool = True
    """Clean nodes on the way to ``available``; a node's own ``automated_clean`` wins."""
    automated_cleaning_step_source: str = "autogenerated"
    """Where the steps of automated cleaning are from: ``autogenerated`` (by their priorities), ``runbook`` (without one it fails), ``hybrid`` (a runbook if there is one)."""
    automated_cleaning_runbook: str = ""
    """The runbook for that, UUID or name."""
    automated_cleaning_runbook_by_resource_class: str = ""
    """Runbooks of resource classes, which win: ``large:deep-clean,small:quick-clean``."""
    automated_cleaning_runbook_from_node: bool = False
    """Let a node's ``driver_info.cleaning_runbook`` win over both; whoever may change a node may then have it cleaned by less."""
    automated_cleaning_runbook_validate_traits: bool = True
    """Clean a node only by a runbook of which it has a trait."""
    erase_devices_priority: int = 0
    """Priority of full disk erasure in automated cleaning; 0 = off."""
    erase_devices_metadata_priority: int = 10
    """Priority of metadata erasure in automated cleaning; 0 = off."""

    erase_level: str = "clear"
    """What full disk erasure must reach: ``clear``, ``purge`` or ``destroy-keys`` (NIST SP 800-88 Rev. 2); a node's ``driver_info.agent_erase_level`` wins."""
    erase_allow_overwrite: bool = False
    """Overwrite disks whose drives have no way of their own to reach the level ``clear``; a node's ``driver_info.agent_erase_allow_overwrite`` wins."""
    certificates_per_node: int = 500
    """How many sanitization certificates of a node are kept, the newest."""
    clean_step_priority_override: str = ""
    """Priorities of steps in automated cleaning, the agent's or a BMC's: ``deploy.erase_devices:20,raid.delete_configuration:0``; 0 = off."""
    verify_step_priority_override: str = ""
    """Priorities of steps that run when a node is verified (``manage``): ``management.verify_bmc_clock:1``; 0 = off."""
    disallow_clean_steps: str = "vendor.send_raw"
    """Steps, as ``interface.step`` with commas between, that no cleaning takes: left out of automated ones, refused in manual ones."""
    disallow_deploy_steps: str = "vendor.send_raw"
    """Steps that no deployment takes."""
    disallow_service_steps: str = "vendor.send_raw"
    """Steps that no service takes."""
    longest_wait_step_s: float = 3600.0
    """Longest ``seconds`` of the step ``wait``; ``hold`` waits for a person."""

    agent_allowed_containers: str = ""
    """Images, with commas between, that the step ``generic_container_step`` may run with the options that it is given (``docs/how-to/container-steps.md``); Ironic's ``[agent_containers] allowed_containers``."""
    agent_allow_arbitrary_containers: bool = False
    """Let that step run any other image too, with the options of ``agent_container_pull_options`` and ``agent_container_run_options`` only."""
    agent_container_steps_file: str = "/etc/ironic-python-agent.d/mysteps.yaml"
    """File in the ramdisk with container steps of its builder, an absolute path."""
    agent_container_runner: str = "podman"
    """What runs containers in the ramdisk: ``podman`` or ``docker``."""
    agent_container_pull_options: str = ""
    """Options of ``podman pull`` or ``docker pull``, with commas between, where a step gives none; every ramdisk is told of them, so no login."""
    agent_container_run_options: str = "--rm,--network=host"
    """Options of ``podman run`` or ``docker run``, likewise."""

    burnin_required: str = ""
    """What a node must have passed before ``provide`` takes it, with commas between: ``cpu``, ``memory``, ``disk``, ``network``, ``gpu``; empty: nothing. A node's ``properties.burnin_required`` wins (``none`` = nothing)."""
    burnin_valid_days: int = 0
    """After how many days a passed burn-in no longer counts; 0: never."""

    discovery: str = "off"
    """What becomes of an inspection's result that no node waits for: ``off`` (it is refused), ``expected`` (it is taken for the node whose ``properties.expected`` describes the machine), ``all`` (others become nodes in ``enroll``, too)."""
    discovery_driver: str = ""
    """The ``driver`` of nodes that strangers become; needed for ``all``."""
    discovery_per_hour: int = 60
    """So many machines become nodes within an hour at most, in each controller process."""
    discovery_most: int = 1000
    """None becomes a node while so many nodes are in ``enroll``."""
    inspection_add_ports: str = "pxe"
    """Ports an inspection creates: ``pxe`` (the interface it booted from), ``active`` (those with an address), ``all``, ``disabled``."""
    inspection_collectors: str = ""
    """What our ramdisk or the real one collects in an inspection, with commas between (``docs/reference/inspection.md``); empty: what it collects by itself."""
    inspection_keep_ports: str = "all"
    """Ports that an inspection leaves: ``all``, ``present`` (whose card the machine has), ``added`` (that ``inspection_add_ports`` chooses)."""
    inspection_update_pxe_enabled: bool = True
    """Have an inspection set ``pxe_enabled`` of ports: true for the card that the machine booted from alone."""
    inspection_hooks: str = "$default_hooks"
    """What is made of an inspection's result, in this order, with commas between (``docs/reference/inspection.md``); ``$default_hooks`` stands for those that are usual."""
    inspection_link_check: str = "warn"
    """What the hook ``check-links`` does about a port that is plugged in elsewhere than its ``local_link_connection`` says: ``warn`` or ``fail``."""
    inspection_cpu_capabilities: str = (
        "vmx=cpu_vt,svm=cpu_vt,aes=cpu_aes,pse=cpu_hugepages,pdpe1gb=cpu_hugepages_1g,smx=cpu_txt"
    )
    """Which capability the hook ``cpu-capabilities`` sets for which flag of the processor."""
    inspection_accelerators: str = "10de:1eb8=GPU:NVIDIA Corporation Tesla T4,10de:1df6=GPU:NVIDIA Corporation GV100GL,10de:2236=GPU:NVIDIA Corporation A10,10de:2235=GPU:NVIDIA Corporation A40,10de:26b9=GPU:NVIDIA Corporation L40S,10de:26ba=GPU:NVIDIA Corporation L20"
    """Which PCI devices the hook ``accelerators`` knows: vendor, product, type, name."""
    inspection_disk_spacing: bool = True
    """Leave 1 GiB of the root disk out of ``local_gb``, for partitioning."""
    inspection_extra_hardware_strict: bool = False
    """Have the hook ``extra-hardware`` drop data of which a row is malformed."""
    inspection_physical_networks: str = ""
    """Which physical network the hook ``physical-network`` sets for cards with which addresses: ``10.10.10.0/24:red,2001:db8::/64:blue``."""
    inspection_pci_aliases: str = ""
    """Names for PCI devices, with commas between: ``10de:2330=h100`` is vendor, product, name."""
    inspection_built_in_rules: str = ""
    """A file of inspection rules beside those of the API: a list as JSON; they may have negative priorities and those above 9999."""
    inspection_rule_mask_secrets: str = "always"
    """When inspection rules read secrets masked: ``always``, ``never``, ``sensitive`` (not those that are ``sensitive`` themselves)."""
    inspection_rule_call_networks: str = ""
    """Networks, with commas between them, that ``api-call`` of an inspection rule may call although they are of this machine or of one link, such as ``127.0.0.0/8``."""
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

    def clean_priorities(self) -> Mapping[str, int]:
        """Return ``clean_step_priority_override`` by ``<interface>.<step>``."""
        name = "clean_step_priority_override"
        return step_priorities(self.clean_step_priority_override, name, "deploy.erase_devices:20")

    def verify_priorities(self) -> Mapping[str, int]:
        """Return ``verify_step_priority_override`` by ``<interface>.<step>``."""
        name = "verify_step_priority_override"
        return step_priorities(
            self.verify_step_priority_override, name, "management.verify_bmc_clock:1"
        )

    def cleaning_runbooks(self) -> Mapping[str, str]:
        """Return ``automated_cleaning_runbook_by_resource_class``."""
        return class_runbooks(self.automated_cleaning_runbook_by_resource_class)

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
