"""The laboratory's Redfish BMC: who may come in, power, boot override, media, settings, tasks, queries."""

import pytest
import requests

from tests.integration.redfish_doubles import Client, RedfishLab, finished, words_of
from tests.integration.redfish_fixtures import lab, shared
from tests.lab.hardware import BootDevice, BootOverride
from tests.lab.redfish.faults import RedfishFaults
from tests.lab.redfish.orders.hardware import firmware_image

__all__ = ["lab", "shared"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
SYSTEM = "Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
CD = "Managers/BMC/VirtualMedia/Cd"
VOLUMES = f"{SYSTEM}/Storage/RAID.1/Volumes"


@pytest.fixture
def client(lab: RedfishLab) -> Client:
    return lab.client()


def test_only_the_root_is_open_and_a_refusal_says_so_in_dmtfs_words(lab: RedfishLab) -> None:
    client = lab.client()
    client.session.auth = None
    assert client.get("/redfish") == {"v1": "/redfish/v1/"}
    assert client.get("/redfish/v1/")["RedfishVersion"] == "1.20.0"
    answer = client.ask("GET", "Systems")
    assert (answer.status_code, words_of(answer)) == (401, "NoValidSession")
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    client.session.auth = (lab.bmc.username, "wrong")
    answer = client.ask("GET", "Systems")
    assert (answer.status_code, words_of(answer)) == (401, "ResourceAtUriUnauthorized")


def test_a_session_lasts_until_it_is_ended(lab: RedfishLab) -> None:
    client = lab.client()
    client.session.auth = None
    login = {"UserName": lab.bmc.username, "Password": lab.bmc.password}
    made = client.ask("POST", "SessionService/Sessions", login)
    assert made.status_code == 201
    assert lab.bmc.password not in made.text
    client.session.headers["X-Auth-Token"] = made.headers["X-Auth-Token"]
    assert client.get(SYSTEM)["Id"] == "1"
    assert client.ask("DELETE", made.headers["Location"]).status_code == 204
    assert client.ask("GET", SYSTEM).status_code == 401


def test_a_client_that_does_not_know_the_certificate_refuses_it(lab: RedfishLab) -> None:
    client = lab.client()
    client.session.verify = True
    with pytest.raises(requests.exceptions.SSLError):
        client.ask("GET", "/redfish")


def test_a_user_who_may_only_read_changes_nothing(lab: RedfishLab, client: Client) -> None:
    user = {"UserName": "reader", "Password": "only-reads-1", "RoleId": "ReadOnly"}
    account = client.ask("POST", "AccountService/Accounts", user).headers["Location"]
    reader = lab.client()
    reader.session.auth = ("reader", "only-reads-1")
    assert reader.get(SYSTEM)["PowerState"] == "Off"
    answer = reader.ask("POST", RESET, {"ResetType": "On"})
    assert (answer.status_code, words_of(answer)) == (403, "InsufficientPrivilege")
    assert not lab.machine.is_on
    assert client.ask("DELETE", account).status_code == 204


@pytest.mark.parametrize(
    ("kind", "on_before", "on_after"),
    [
        ("On", False, True),
        ("ForceOff", True, False),
        ("GracefulShutdown", True, False),
        ("ForceRestart", True, True),
        ("GracefulRestart", True, True),
        ("ForceRestart", False, True),
        ("PowerCycle", True, True),
        ("PushPowerButton", False, True),
        ("PushPowerButton", True, False),
    ],
)
@pytest.mark.parametrize("tasks", [False, True])
def test_every_reset_does_what_it_says(
    lab: RedfishLab, client: Client, kind: str, on_before: bool, on_after: bool, tasks: bool
) -> None:
    lab.bmc.set_faults(RedfishFaults(tasks=tasks))
    if on_before:
        lab.machine.power_on()
    boots = lab.machine.boots
    answer = client.ask("POST", RESET, {"ResetType": kind})
    if tasks:
        assert finished(client, answer)["TaskState"] == "Completed"
    else:
        assert answer.status_code == 204
    assert lab.machine.is_on is on_after
    assert lab.machine.boots == boots + on_after
    assert client.get(SYSTEM)["PowerState"] == ("On" if on_after else "Off")


def test_an_interrupt_needs_a_machine_that_is_on(lab: RedfishLab, client: Client) -> None:
    answer = client.ask("POST", RESET, {"ResetType": "Nmi"})
    assert (answer.status_code, words_of(answer)) == (409, "ResourceInUse")
    lab.machine.power_on()
    before = lab.machine.interrupts
    assert client.ask("POST", RESET, {"ResetType": "Nmi"}).status_code == 204
    assert lab.machine.interrupts == before + 1


def test_a_reset_that_is_not_allowable_is_refused(client: Client) -> None:
    answer = client.ask("POST", RESET, {"ResetType": "Suspend"})
    assert (answer.status_code, words_of(answer)) == (400, "ActionParameterValueNotInList")


@pytest.mark.parametrize(
    ("target", "device"),
    [
        ("Pxe", BootDevice.PXE),
        ("Hdd", BootDevice.DISK),
        ("Cd", BootDevice.CDROM),
        ("BiosSetup", BootDevice.SETUP),
    ],
)
@pytest.mark.parametrize("how", ["Once", "Continuous"])
@pytest.mark.parametrize("mode", ["UEFI", "Legacy"])
def test_a_boot_override_reaches_the_machine_and_is_read_back(
    lab: RedfishLab, client: Client, target: str, device: BootDevice, how: str, mode: str
) -> None:
    boot = {
        "BootSourceOverrideTarget": target,
        "BootSourceOverrideEnabled": how,
        "BootSourceOverrideMode": mode,
    }
    assert client.ask("PATCH", SYSTEM, {"Boot": boot}).status_code == 200
    assert lab.machine.boot_override == BootOverride(
        device=device, persistent=how == "Continuous", uefi=mode == "UEFI"
    )
    assert boot.items() <= client.get(SYSTEM)["Boot"].items()
    client.ask("POST", RESET, {"ResetType": "On"})
    after = client.get(SYSTEM)["Boot"]["BootSourceOverrideEnabled"]
    assert after == ("Continuous" if how == "Continuous" else "Disabled")


def test_http_boot_has_its_address_and_only_uefi_has_it(lab: RedfishLab, client: Client) -> None:
    boot = {
        "BootSourceOverrideTarget": "UefiHttp",
        "BootSourceOverrideEnabled": "Once",
        "HttpBootUri": "http://192.0.2.1/boot.efi",
    }
    assert client.ask("PATCH", SYSTEM, {"Boot": boot}).status_code == 200
    assert lab.machine.boot_override is not None
    assert lab.machine.boot_override.http_uri == "http://192.0.2.1/boot.efi"
    legacy = {"BootSourceOverrideMode": "Legacy"}
    assert client.ask("PATCH", SYSTEM, {"Boot": legacy}).status_code == 400
    disabled = {"BootSourceOverrideEnabled": "Disabled"}
    assert client.ask("PATCH", SYSTEM, {"Boot": disabled}).status_code == 200
    assert lab.machine.boot_override is None


def test_a_change_of_what_has_changed_since_is_refused(client: Client) -> None:
    tag = client.ask("GET", SYSTEM).headers["ETag"]
    matching = {"headers": {"If-Match": tag}}
    assert client.ask("PATCH", SYSTEM, {"AssetTag": "a"}, **matching).status_code == 200
    answer = client.ask("PATCH", SYSTEM, {"AssetTag": "b"}, **matching)
    assert (answer.status_code, words_of(answer)) == (412, "PreconditionFailed")
    assert client.get(SYSTEM)["AssetTag"] == "a"


def test_a_medium_is_fetched_shown_and_taken_out(lab: RedfishLab, client: Client) -> None:
    url = lab.http.publish("boot.iso", b"an image" * 1000)
    insert, eject = (f"{CD}/Actions/VirtualMedia.{name}Media" for name in ("Insert", "Eject"))
    assert client.ask("POST", insert, {"Image": url}).status_code == 204
    assert lab.machine.media == {"Cd": b"an image" * 1000}
    shown = client.get(CD)
    assert (shown["Inserted"], shown["Image"], shown["ConnectedVia"]) == (True, url, "URI")
    assert client.get(f"{SYSTEM}/VirtualMedia/Cd")["Inserted"] is True
    again = client.ask("POST", insert, {"Image": url})
    assert (again.status_code, words_of(again)) == (409, "ResourceInUse")
    lab.bmc.set_faults(RedfishFaults(keeps_media=True))
    assert client.ask("POST", eject, {}).status_code == 500
    assert lab.machine.media
    lab.bmc.set_faults()
    assert client.ask("POST", eject, {}).status_code == 204
    assert not lab.machine.media
    assert client.get(CD)["Inserted"] is False


def test_an_image_that_cannot_be_had_is_refused_and_the_slot_stays_empty(
    lab: RedfishLab, client: Client
) -> None:
    insert = f"{CD}/Actions/VirtualMedia.InsertMedia"
    answer = client.ask("POST", insert, {"Image": f"{lab.http.url}/absent.iso"})
    assert (answer.status_code, words_of(answer)) == (400, "AccessDenied")
    assert client.ask("POST", insert, {"Image": "nfs://server/x"}).status_code == 400
    assert client.get(CD)["Inserted"] is False


def test_bios_settings_wait_for_the_next_start(lab: RedfishLab, client: Client) -> None:
    settings = f"{SYSTEM}/Bios/Settings"
    wanted = {"Attributes": {"ProcVirtualization": "Disabled", "BootRetrySeconds": 5}}
    assert client.ask("PATCH", settings, wanted).status_code == 200
    assert client.get(settings)["Attributes"] == wanted["Attributes"]
    assert client.get(f"{SYSTEM}/Bios")["Attributes"]["ProcVirtualization"] == "Enabled"
    lab.machine.power_on()
    assert wanted["Attributes"].items() <= client.get(f"{SYSTEM}/Bios")["Attributes"].items()
    assert client.get(settings)["Attributes"] == {}
    assert client.ask("POST", f"{SYSTEM}/Bios/Actions/Bios.ResetBios").status_code == 204
    assert client.get(f"{SYSTEM}/Bios")["ResetBiosToDefaultsPending"] is True
    lab.machine.reset()
    assert client.get(f"{SYSTEM}/Bios")["Attributes"]["ProcVirtualization"] == "Enabled"


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        ({"NoSuch": 1}, "PropertyUnknown"),
        ({"ProcVirtualization": "Maybe"}, "PropertyValueNotInList"),
        ({"BootRetrySeconds": "5"}, "PropertyValueTypeError"),
    ],
)
def test_a_bios_attribute_that_cannot_be_is_refused(
    client: Client, attributes: dict[str, object], word: str
) -> None:
    answer = client.ask("PATCH", f"{SYSTEM}/Bios/Settings", {"Attributes": attributes})
    assert (answer.status_code, words_of(answer)) == (400, word)


def test_secure_boot_begins_with_the_next_start_and_needs_keys(
    lab: RedfishLab, client: Client
) -> None:
    path = f"{SYSTEM}/SecureBoot"
    assert client.ask("PATCH", path, {"SecureBootEnable": True}).status_code == 200
    assert client.get(path)["SecureBootCurrentBoot"] == "Disabled"
    lab.machine.power_on()
    assert client.get(path)["SecureBootCurrentBoot"] == "Enabled"
    reset_keys = f"{path}/Actions/SecureBoot.ResetKeys"
    wanted = {"ResetKeysType": "DeleteAllKeys"}
    assert client.ask("POST", reset_keys, wanted).status_code == 204
    assert client.get(path)["SecureBootMode"] == "SetupMode"
    assert client.ask("PATCH", path, {"SecureBootEnable": True}).status_code == 409
    lab.machine.reset()
    assert client.get(path)["SecureBootCurrentBoot"] == "Disabled"
    wanted = {"ResetKeysType": "ResetAllKeysToDefault"}
    assert client.ask("POST", reset_keys, wanted).status_code == 204
    assert client.get(path)["SecureBootMode"] == "UserMode"


def test_a_volume_is_made_and_deleted_by_tasks(client: Client) -> None:
    made = client.ask("POST", VOLUMES, {"RAIDType": "RAID1", "Name": "root"})
    assert finished(client, made)["TaskState"] == "Completed"
    (member,) = client.get(VOLUMES)["Members"]
    volume = client.get(member["@odata.id"])
    assert (volume["RAIDType"], len(volume["Links"]["Drives"])) == ("RAID1", 2)
    assert client.ask("POST", VOLUMES, {"RAIDType": "RAID0"}).status_code == 409
    assert finished(client, client.ask("DELETE", member["@odata.id"]))["PercentComplete"] == 100
    assert client.get(VOLUMES)["Members"] == []
    assert client.ask("POST", VOLUMES, {"RAIDType": "RAID5"}).status_code == 400


def test_an_update_is_a_task_and_changes_the_version_at_its_end(
    lab: RedfishLab, client: Client
) -> None:
    lab.bmc.set_faults(RedfishFaults(task_s=0.5))
    url = lab.http.publish("bios.bin", firmware_image("BIOS", "1.2.3"))
    update = "UpdateService/Actions/UpdateService.SimpleUpdate"
    answer = client.ask("POST", update, {"ImageURI": url, "TransferProtocol": "HTTP"})
    assert answer.json()["TaskState"] == "Running"
    assert client.get("UpdateService/FirmwareInventory/BIOS")["Version"] != "1.2.3"
    assert finished(client, answer)["TaskState"] == "Completed"
    assert client.get("UpdateService/FirmwareInventory/BIOS")["Version"] == "1.2.3"
    assert client.get(SYSTEM)["BiosVersion"] == "1.2.3"


def test_firmware_is_pushed_in_parts_and_a_foreign_image_fails_in_its_task(client: Client) -> None:
    push = client.get("UpdateService")["MultipartHttpPushUri"]
    for image, state in ((firmware_image("NIC", "9.9"), "Completed"), (b"MZ", "Exception")):
        parts = {
            "UpdateParameters": (None, "{}", "application/json"),
            "UpdateFile": ("fw.bin", image, "application/octet-stream"),
        }
        assert finished(client, client.ask("POST", push, files=parts))["TaskState"] == state
    assert client.get("UpdateService/FirmwareInventory/NIC")["Version"] == "9.9"


def test_a_collection_is_expanded_selected_and_paged(lab: RedfishLab, client: Client) -> None:
    for _ in range(60):
        client.ask("POST", RESET, {"ResetType": "On"})
    entries = client.get("Managers/BMC/LogServices/Log/Entries")
    assert entries["Members@odata.count"] > len(entries["Members"]) == 50
    rest = client.get(entries["Members@odata.nextLink"])
    assert rest["Members"]
    few = client.get("Managers/BMC/LogServices/Log/Entries?$top=2&$skip=1")
    assert few["Members"] == entries["Members"][1:3]
    expanded = client.get("Systems?$expand=.($levels=1)&$select=Members")
    assert expanded["Members"][0]["Boot"]
    assert set(client.get(f"{SYSTEM}?$select=PowerState")) >= {"PowerState"}
    assert "Boot" not in client.get(f"{SYSTEM}?$select=PowerState")
    assert client.ask("GET", "Systems?$filter=x").status_code == 501
    assert client.ask("GET", "Systems?$top=x").status_code == 400


def test_every_link_leads_somewhere(client: Client) -> None:
    seen: set[str] = set()
    waiting = ["/redfish/v1"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        waiting += links_in(client.get(path))
    assert len(seen) > 60


def links_in(value: object) -> list[str]:
    """Return every address that a document refers to, without fragments."""
    if isinstance(value, list):
        return [link for one in value for link in links_in(one)]
    if not isinstance(value, dict):
        return []
    own = [value["@odata.id"].split("#")[0].rstrip("/")] if "@odata.id" in value else []
    return own + [link for one in value.values() for link in links_in(one)]
