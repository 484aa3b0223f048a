"""The Redfish driver against the laboratory's Redfish BMC: power, boot device, sessions, certificates, faults."""

import shutil
import time
from pathlib import Path

import pytest

from controller.bmc.redfish import RedfishBmc, RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.abilities import Health, Interrupts
from controller.hardware.bmc import BootDevice, BootMode, BootOverride, PowerState
from controller.hardware.registry import load_catalog
from controller.settings import Settings
from tests.integration.redfish_doubles import RedfishLab, driver_info
from tests.integration.redfish_fixtures import bmc, driver, lab, shared
from tests.lab import hardware
from tests.lab.program import run
from tests.lab.redfish.faults import RedfishFaults

__all__ = ["bmc", "driver", "lab", "shared"]
pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
S = 10.0


def sessions(lab: RedfishLab) -> int:
    return int(lab.client().get("SessionService/Sessions")["Members@odata.count"])


@pytest.mark.parametrize("auth", ["auto", "session", "basic"])
@pytest.mark.parametrize("verify", ["the certificate", False])
@pytest.mark.parametrize("tasks", [False, True])
def test_a_machine_is_switched(
    lab: RedfishLab, driver: RedfishDriver, auth: str, verify: object, tasks: bool
) -> None:
    lab.bmc.set_faults(RedfishFaults(tasks=tasks))
    changes = {} if verify else {"redfish_verify_ca": False}
    bmc = driver.connect(driver_info(lab, redfish_auth_type=auth, **changes))
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    bmc.power_on(timeout_s=S)
    assert lab.machine.is_on
    assert bmc.power_state(timeout_s=S) is PowerState.ON
    bmc.power_on(timeout_s=S)
    boots = lab.machine.boots
    bmc.reset(timeout_s=S)
    assert lab.machine.boots == boots + 1
    bmc.soft_power_off(timeout_s=S)
    assert not lab.machine.is_on
    bmc.soft_power_off(timeout_s=S)
    bmc.power_on(timeout_s=S)
    bmc.power_off(timeout_s=S)
    bmc.power_off(timeout_s=S)
    assert not lab.machine.is_on


@pytest.mark.parametrize(
    ("device", "there"),
    [
        (BootDevice.PXE, hardware.BootDevice.PXE),
        (BootDevice.DISK, hardware.BootDevice.DISK),
        (BootDevice.CDROM, hardware.BootDevice.CDROM),
        (BootDevice.BIOS, hardware.BootDevice.SETUP),
    ],
)
@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize("mode", BootMode)
def test_the_machine_sees_the_boot_device_and_the_bmc_says_it(
    lab: RedfishLab,
    bmc: RedfishBmc,
    device: BootDevice,
    there: hardware.BootDevice,
    persistent: bool,
    mode: BootMode,
) -> None:
    assert bmc.boot_device(timeout_s=S) == BootOverride(device=None, is_persistent=None)
    bmc.set_boot_device(device, mode=mode, persistent=persistent, timeout_s=S)
    assert lab.machine.boot_override == hardware.BootOverride(
        device=there, persistent=persistent, uefi=mode is BootMode.UEFI
    )
    assert bmc.boot_device(timeout_s=S) == BootOverride(device=device, is_persistent=persistent)


def test_a_device_that_redfish_does_not_have_is_refused(bmc: RedfishBmc) -> None:
    with pytest.raises(BmcError, match="set boot device safe"):
        bmc.set_boot_device(BootDevice.SAFE, mode=BootMode.UEFI, persistent=False, timeout_s=S)


def test_a_boot_device_that_is_forgotten_is_found_out_by_asking(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    lab.bmc.set_faults(RedfishFaults(forgets_boot_device=True))
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=S)
    assert bmc.boot_device(timeout_s=S).device is None


@pytest.mark.parametrize(
    ("said", "health"),
    [
        ("OK", Health.OK),
        ("Warning", Health.WARNING),
        ("Critical", Health.CRITICAL),
        (None, Health.OK),  # its own, where nothing is summed up
        ("Splendid", Health.OK),
    ],
)
def test_the_health_is_what_the_bmc_sums_up(
    lab: RedfishLab, driver: RedfishDriver, said: str | None, health: Health
) -> None:
    lab.bmc.set_faults(RedfishFaults(health=said))
    assert driver.connect(driver_info(lab)).health(timeout_s=S) is health
    bmc = driver.connect(driver_info(lab))
    bmc.power_state(timeout_s=S)
    lab.bmc.set_faults(RedfishFaults(unreachable=True))
    assert bmc.health(timeout_s=S) is health, "the reading of the power state had it"


def test_a_machine_is_interrupted(lab: RedfishLab, bmc: RedfishBmc) -> None:
    assert isinstance(bmc, Interrupts)
    with pytest.raises(BmcError, match="answered 409"):
        bmc.inject_nmi(timeout_s=S)
    bmc.power_on(timeout_s=S)
    before = lab.machine.interrupts
    bmc.inject_nmi(timeout_s=S)
    assert lab.machine.interrupts == before + 1


def test_one_session_serves_many_calls_and_is_ended(lab: RedfishLab) -> None:
    before = sessions(lab)
    driver = RedfishDriver()
    for _ in range(5):
        driver.connect(driver_info(lab)).power_state(timeout_s=S)
    assert sessions(lab) == before + 1
    driver.close()
    assert sessions(lab) == before


def test_a_session_that_the_bmc_forgot_is_opened_again(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.power_state(timeout_s=S)
    reset = "Managers/BMC/Actions/Manager.Reset"
    assert lab.client().ask("POST", reset, {"ResetType": "ForceRestart"}).status_code == 204
    assert bmc.power_state(timeout_s=S) is PowerState.OFF


def test_names_that_change_with_a_restart_are_looked_up_again(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    lab.bmc.set_faults(RedfishFaults(changing_ids=True))
    bmc.power_state(timeout_s=S)
    (manager,) = lab.client().get("Managers")["Members"]
    reset = f"{manager['@odata.id']}/Actions/Manager.Reset"
    assert lab.client().ask("POST", reset, {"ResetType": "ForceRestart"}).status_code == 204
    with pytest.raises(BmcUnreachable, match=r"answered 404.*try again"):
        bmc.power_state(timeout_s=S)
    assert bmc.power_state(timeout_s=S) is PowerState.OFF


def test_a_bmc_that_says_only_what_it_must_is_driven_too(lab: RedfishLab, bmc: RedfishBmc) -> None:
    lab.bmc.set_faults(RedfishFaults(without_optional=True))
    bmc.power_on(timeout_s=S)
    bmc.set_boot_device(BootDevice.PXE, mode=BootMode.UEFI, persistent=False, timeout_s=S)
    assert bmc.boot_device(timeout_s=S).device is BootDevice.PXE
    assert lab.machine.is_on


def test_a_wrong_password_is_said_and_does_not_show(lab: RedfishLab, driver: RedfishDriver) -> None:
    for auth in ("auto", "session", "basic"):
        wrong = driver_info(lab, redfish_password="geheim-1", redfish_auth_type=auth)
        with pytest.raises(BmcAuthenticationFailed, match="user 'admin' refused") as raised:
            driver.connect(wrong).power_state(timeout_s=S)
        assert "geheim-1" not in str(raised.value)


def test_a_login_that_was_refused_is_not_tried_again_at_each_poll(lab: RedfishLab) -> None:
    now = [0.0]
    driver = RedfishDriver(Sessions(clock=lambda: now[0]))
    login = {"redfish_username": "late", "redfish_password": "comes-later-1"}
    bmc = driver.connect(driver_info(lab, **login))
    refused = "user 'late' refused.* tried again in {} s"
    with pytest.raises(BmcAuthenticationFailed, match=refused.format(60)):
        bmc.power_state(timeout_s=S)
    user = {"UserName": "late", "Password": "comes-later-1", "RoleId": "Operator"}
    account = lab.client().ask("POST", "AccountService/Accounts", user).headers["Location"]
    now[0] = 59.0
    with pytest.raises(BmcAuthenticationFailed, match=refused.format(1)):  # or it would be let in
        driver.connect(driver_info(lab, **login)).power_state(timeout_s=S)
    assert (
        driver.connect(driver_info(lab)).power_state(timeout_s=S) is PowerState.OFF
    )  # others at once
    now[0] = 60.0
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    driver.close()
    lab.client().ask("DELETE", account)


def test_a_password_that_must_be_changed_opens_no_session_at_each_poll(
    lab: RedfishLab, driver: RedfishDriver
) -> None:
    before = sessions(lab)
    lab.bmc.set_faults(RedfishFaults(wants_new_password=True))
    for _ in range(3):
        with pytest.raises(BmcAuthenticationFailed, match=r"before the password is changed.*60 s"):
            driver.connect(driver_info(lab)).power_state(timeout_s=S)
    lab.bmc.set_faults()
    assert sessions(lab) == before


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_wrong_password_is_held_however_it_is_refused(
    lab: RedfishLab, driver: RedfishDriver, status: int
) -> None:
    lab.bmc.set_faults(RedfishFaults(wrong_login=status))
    wrong = driver_info(lab, redfish_password="geheim-1", redfish_auth_type="session")
    with pytest.raises(BmcError, match=f"answered {status}: .*tried again in 60 s"):
        driver.connect(wrong).power_state(timeout_s=S)


def test_a_user_without_the_right_is_told_which_role(
    lab: RedfishLab, driver: RedfishDriver
) -> None:
    user = {"UserName": "reader", "Password": "only-reads-1", "RoleId": "ReadOnly"}
    client = lab.client()
    made = client.ask("POST", "AccountService/Accounts", user)
    login = {"redfish_username": "reader", "redfish_password": "only-reads-1"}
    bmc = driver.connect(driver_info(lab, **login))
    assert bmc.power_state(timeout_s=S) is PowerState.OFF
    with pytest.raises(BmcError, match="user 'reader' may not do that; give it the role"):
        bmc.power_on(timeout_s=S)
    client.ask("DELETE", made.headers["Location"])


def test_a_certificate_that_nobody_knows_is_refused(lab: RedfishLab, driver: RedfishDriver) -> None:
    with pytest.raises(BmcUnreachable, match=r"another TLS certificate.*redfish_verify_ca"):
        driver.connect(driver_info(lab, redfish_verify_ca=True)).power_state(timeout_s=S)


def test_a_certificate_for_its_serial_number_is_trusted_where_it_is_named(
    lab: RedfishLab, driver: RedfishDriver
) -> None:
    lab.bmc.name_certificate("idrac-ABC123")
    try:
        bmc = driver.connect(driver_info(lab))
        bmc.power_on(timeout_s=S)
        assert lab.machine.is_on
    finally:
        lab.bmc.name_certificate()


def test_a_file_of_certificates_that_is_replaced_counts(
    lab: RedfishLab, driver: RedfishDriver, tmp_path: Path
) -> None:
    """It counts for a BMC that is in use too, and costs it no session."""
    mine, other = lab.bmc.certificate, tmp_path / "other.crt"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=bmc -keyout {tmp_path}/key"
    run(*make.split(), "-out", str(other))
    named = tmp_path / "named.crt"
    shutil.copy(other, named)
    bmc = driver.connect(driver_info(lab, redfish_verify_ca=str(named)))
    before = sessions(lab)
    for _ in range(2):
        shutil.copy(other, named)
        with pytest.raises(BmcUnreachable, match="another TLS certificate"):
            bmc.power_state(timeout_s=S)
        shutil.copy(mine, named)
        assert bmc.power_state(timeout_s=S) is PowerState.OFF
        assert sessions(lab) == before + 1


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (RedfishFaults(unreachable=True), "power on: did not answer within"),
        (RedfishFaults(slow_s=4), "power on: did not answer"),
        (RedfishFaults(garbage=True), "power on: "),
    ],
    ids=["unreachable", "slow", "garbage"],
)
def test_a_bmc_that_does_not_answer_in_time_is_named(
    lab: RedfishLab, driver: RedfishDriver, faults: RedfishFaults, words: str
) -> None:
    lab.bmc.set_faults(faults)
    begins = time.monotonic()
    with pytest.raises(BmcUnreachable, match=f"BMC {lab.bmc.url}: {words}"):
        driver.connect(driver_info(lab)).power_on(timeout_s=2)
    assert time.monotonic() - begins < 2 * S
    assert not lab.machine.is_on


def test_a_bmc_that_stops_between_two_calls_is_found_again(
    lab: RedfishLab, bmc: RedfishBmc
) -> None:
    bmc.power_state(timeout_s=S)
    lab.bmc.stop()
    with pytest.raises(BmcUnreachable, match="refused the connection"):
        bmc.power_state(timeout_s=S)
    lab.bmc.start()
    assert bmc.power_state(timeout_s=S) is PowerState.OFF


def test_a_refusal_without_a_word_is_an_error(lab: RedfishLab, bmc: RedfishBmc) -> None:
    bmc.power_state(timeout_s=S)  # or the login would be refused
    lab.bmc.set_faults(RedfishFaults(bare_400=True))
    with pytest.raises(BmcError, match="power on: answered 400"):
        bmc.power_on(timeout_s=S)


def test_redfish_comes_first_and_ipmi_may_be_mixed_in() -> None:
    catalog = load_catalog(Settings())
    names = catalog.names_of("redfish", {"management": "ipmitool"})
    assert (names["power"], names["management"]) == ("redfish", "ipmitool")
