"""A Redfish BMC as the lab sees it, of one machine or of several; the program is `process`."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.lab.bmc_program import BmcProgram
from tests.lab.hardware import BootDevice, BootOverride
from tests.lab.network import Network
from tests.lab.program import run
from tests.lab.redfish.facts import RedfishChassis, to_json
from tests.lab.redfish.faults import RedfishFaults


class RedfishBmc(BmcProgram):
    """A Redfish BMC by HTTPS on an address of its own; on while the machine exists.

    ``certificate`` is self-signed for its address: a client that verifies takes it as its CA.
    """

    module = "tests.lab.redfish.process"
    port = 443

    def __init__(
        self,
        machine: RedfishChassis,
        network: Network,
        *,
        address: str,
        log: Path,
        folder: Path,
    ) -> None:
        self._redfish = [machine]
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "bmc.crt"
        self._make_certificate("bmc", f"IP:{address}")
        super().__init__(machine, network, address=address, log=log)

    @property
    def url(self) -> str:
        return f"https://{self.address}"

    @property
    def count(self) -> int:
        """Of how many machines it is the BMC."""
        return len(self._redfish)

    def add(self, machine: RedfishChassis) -> str:
        """Be the BMC of one machine more, as a chassis' controller is; returns the path of its system."""
        self._redfish.append(machine)
        self._tell({"machines": len(self._redfish)})
        return f"/redfish/v1/Systems/{len(self._redfish)}"

    def set_faults(self, faults: RedfishFaults = RedfishFaults()) -> None:  # noqa: B008  # a frozen value
        """Misbehave in exactly these ways from now on; ``set_faults()`` is good again. Returns when it holds."""
        self._tell(asdict(faults))

    def name_certificate(self, name: str | None = None) -> None:
        """Restart with a certificate for ``name`` instead of its address, as makers deliver them; ``None`` = for its address again."""
        self.stop()
        self._make_certificate(name or "bmc", "" if name else f"IP:{self.address}")
        self.start()

    def remove(self) -> None:
        """End the BMC and remove what it fetched."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _more_secrets(self) -> dict[str, Any]:
        return {"folder": str(self._folder), "machines": len(self._redfish)}

    def _carry_out(self, question: dict[str, Any]) -> dict[str, Any]:
        machine = self._asked_about(question)
        match question["do"]:
            case "facts":
                return to_json(machine.facts())
            case "set override":
                wanted = question["override"]
                machine.set_override(
                    wanted and BootOverride(**{**wanted, "device": BootDevice(wanted["device"])})
                )
            case "insert medium":
                machine.insert_medium(question["slot"], Path(question["image"]))
            case "eject medium":
                machine.eject_medium(question["slot"])
            case "set secure boot":
                machine.set_secure_boot(enabled=question["enabled"], keys=question["keys"])
            case _:
                return super()._carry_out(question)
        return {}

    def _asked_about(self, question: dict[str, Any]) -> RedfishChassis:
        return self._redfish[int(question["machine"])]

    def _make_certificate(self, name: str, also: str) -> None:
        key = self._folder / "bmc.key"
        run(
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ),
            *(
                "-nodes",
                "-days",
                "30",
                "-subj",
                f"/CN={name}",
                *(("-addext", f"subjectAltName={also}") if also else ()),
            ),
            *("-keyout", str(key), "-out", str(self.certificate)),
        )
        (self._folder / "bmc.pem").write_bytes(key.read_bytes() + self.certificate.read_bytes())
