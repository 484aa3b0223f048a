"""The real Ironic (standalone, SQLite, no authentication, one process) as a peer in a lab, with its DHCP and web server.

Installed by ``make peers`` into build/peers/ironic. Its settings are its defaults, but for paths, addresses and what a
single process without other OpenStack services needs.
"""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.program import run

PEER = Path(__file__).resolve().parents[2] / "build/peers/ironic"
_API_PORT = 6385
_FILES_PORT = 8081
_START_TIMEOUT_S = 120
_LOADER = Path("/usr/lib/ipxe/snponly.efi")

_CONFIG = """
[DEFAULT]
auth_strategy = noauth
debug = True
log_file = {logs}/ironic.log
use_stderr = False
host = real-ironic
my_ip = {gateway}
rpc_transport = none
state_path = {root}/state
tempdir = {root}/tmp
enabled_hardware_types = ipmi,redfish,fake-hardware
enabled_power_interfaces = ipmitool,redfish,fake
enabled_management_interfaces = ipmitool,redfish,fake,noop
enabled_boot_interfaces = ipxe,http-ipxe,redfish-virtual-media,redfish-https,fake
enabled_deploy_interfaces = direct,bootc
enabled_inspect_interfaces = agent,no-inspect
enabled_network_interfaces = noop
default_network_interface = noop
enabled_raid_interfaces = no-raid,agent
enabled_rescue_interfaces = no-rescue,agent
enabled_vendor_interfaces = no-vendor
[database]
connection = sqlite:///{root}/ironic.sqlite
[api]
host_ip = {gateway}
port = {api_port}
[dhcp]
dhcp_provider = none
[pxe]
tftp_root = {root}/tftp
tftp_master_path = {root}/tftp/master
kernel_append_params = nofb vga=normal console=ttyS0,115200n8 no_timer_check
[deploy]
http_url = http://{gateway}:{files_port}
http_root = {root}/http
erase_devices_priority = 0
erase_devices_metadata_priority = 10
[conductor]
deploy_kernel = file://{kernel}
deploy_ramdisk = file://{ramdisk}
rescue_kernel = file://{kernel}
rescue_ramdisk = file://{ramdisk}
disable_zstandard_decompression = True
file_url_allowed_paths = {files}
[ipmi]
command_retry_timeout = 20
min_command_interval = 1
[service_catalog]
auth_type = none
endpoint_override = http://{gateway}:{api_port}
[agent]
certificates_path = {root}/certificates
deploy_logs_local_path = {logs}/deploy-logs
[inspector]
extra_kernel_params = ipa-inspection-collectors={collectors}
hooks = $default_hooks,pci-devices,root-device,boot-mode,memory,cpus,cpu-capabilities,local-link-connection,parse-lldp
[oslo_concurrency]
lock_path = {root}/locks
"""

_DNSMASQ = """
port=0
interface={bridge}
bind-interfaces
dhcp-range={first},{last},255.255.255.0,1h
dhcp-match=set:ipxe,175
dhcp-match=set:uefi,option:client-arch,7
enable-tftp
tftp-root={loader.parent}
dhcp-boot=tag:uefi,tag:!ipxe,{loader.name}
dhcp-vendorclass=set:http,HTTPClient
dhcp-option-force=tag:http,60,HTTPClient
dhcp-boot=tag:http,tag:!ipxe,http://{gateway}:{files_port}/{loader.name}
dhcp-boot=tag:ipxe,http://{gateway}:{files_port}/boot.ipxe
dhcp-leasefile={root}/leases
log-dhcp
user=root
"""


class RealIronic:
    """Ironic with everything around it; stopped with the lab."""

    def __init__(
        self,
        lab: Lab,
        *,
        kernel: Path,
        ramdisk: Path,
        collectors: Sequence[str] = ("default",),
        settings: str = "",
    ) -> None:
        """Write its settings and start it; returns when its API lists the IPMI driver.

        ``collectors`` are those of its inspections, ``settings`` more lines of its settings, sections with their options.

        Raises:
            LabError: It did not start; its log is in the lab's logs.
        """
        network = lab.network
        root = lab.scratch / "ironic"
        for folder in ("tftp/master", "http", "tmp", "certificates", "locks", "state"):
            (root / folder).mkdir(parents=True)
        self.http_root = root / "http"
        self.url = f"http://{network.gateway}:{_API_PORT}"
        values = {
            "root": root,
            "logs": lab.logs,
            "gateway": network.gateway,
            "api_port": _API_PORT,
            "files_port": _FILES_PORT,
            "kernel": kernel,
            "ramdisk": ramdisk,
            "files": f"{kernel.parent},{ramdisk.parent}",
            "collectors": ",".join(collectors),
            "bridge": network.bridge,
            "loader": _LOADER,
            "first": network.address(50),
            "last": network.address(99),
        }
        shutil.copy(_LOADER, self.http_root)
        config, dnsmasq = root / "ironic.conf", root / "dnsmasq.conf"
        config.write_text(_CONFIG.format(**values) + settings)
        dnsmasq.write_text(_DNSMASQ.format(**values))
        self._start(lab, config, dnsmasq)
        with network.inside():
            self._wait_until_it_answers(lab)

    def _start(self, lab: Lab, config: Path, dnsmasq: Path) -> None:
        """Make its database, and start it with its file server and dnsmasq."""
        network = lab.network
        run(
            str(PEER / "bin/ironic-dbsync"),
            "--config-file",
            str(config),
            "create_schema",
            timeout_s=120,
        )
        network.start(
            "files",
            ["/usr/bin/python3", "-m", "http.server", str(_FILES_PORT), "-d", str(self.http_root)],
            log=lab.logs / "ironic-files.log",
        )
        network.start(
            "dnsmasq",
            ["dnsmasq", "--no-daemon", f"--conf-file={dnsmasq}"],
            log=lab.logs / "ironic-dnsmasq.log",
        )
        network.start(
            "ironic",
            [str(PEER / "bin/ironic"), "--config-file", str(config)],
            log=lab.logs / "ironic.out",
            environment={"PATH": f"{PEER}/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )

    def _wait_until_it_answers(self, lab: Lab) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                answer = requests.get(f"{self.url}/v1/drivers", timeout=5)
                if any(driver["name"] == "ipmi" for driver in answer.json()["drivers"]):
                    return
            except requests.RequestException:
                pass  # not listening yet
            time.sleep(0.5)
        raise LabError(
            f"real Ironic did not start within {_START_TIMEOUT_S} s; see {lab.logs}/ironic.log"
        )
