"""Whatever a BMC says of storage and machine, it is read, or refused as nonsense; and what is read can be kept."""

import copy
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sushy import exceptions

from agent.protocol.foreign_text import clean_document
from controller.bmc import redfish_inventory, redfish_storage
from controller.bmc.redfish_neighbours import neighbours
from controller.bmc.redfish_raid_guard import Guard
from controller.bmc.redfish_raid_plan import configuration, plan_deletion
from tests.unit.controller.bmc.redfish_tree import Tree

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/1"
STORE = f"{SYSTEM}/Storage/R"
CARD = f"{ROOT}/Chassis/1/NetworkAdapters/N"
PCI = f"{ROOT}/Chassis/1/PCIeDevices/P"


def to(path: str) -> dict[str, str]:
    return {"@odata.id": path}


def members(*paths: str) -> dict[str, Any]:
    return {"Members": [to(path) for path in paths]}


DOCUMENTS: Mapping[str, Any] = {
    ROOT: {"Systems": to(f"{ROOT}/Systems")},
    SYSTEM: {
        "Manufacturer": "Acme",
        "ProcessorSummary": {"Count": 2, "LogicalProcessorCount": 72, "Model": "Xeon"},
        "MemorySummary": {"TotalSystemMemoryGiB": 512},
        "Boot": {"BootOrder": ["Boot0001"]},
        "Processors": to(f"{SYSTEM}/Processors"),
        "EthernetInterfaces": to(f"{SYSTEM}/EthernetInterfaces"),
        "Storage": to(f"{SYSTEM}/Storage"),
        "PCIeDevices": [to(PCI)],
        "Links": {"Chassis": [to(f"{ROOT}/Chassis/1")]},
    },
    f"{SYSTEM}/Processors": members(f"{SYSTEM}/Processors/1"),
    f"{SYSTEM}/Processors/1": {"InstructionSet": "x86-64", "MaxSpeedMHz": 3000},
    f"{SYSTEM}/EthernetInterfaces": members(f"{SYSTEM}/EthernetInterfaces/1"),
    f"{SYSTEM}/EthernetInterfaces/1": {
        "MACAddress": "02:00:00:00:00:01",
        "IPv4Addresses": [{"Address": "192.0.2.1"}],
        "SpeedMbps": 1000,
    },
    f"{SYSTEM}/Storage": members(STORE),
    STORE: {
        "Id": "R",
        "StorageControllers": [{"SupportedRAIDTypes": ["RAID1"]}],
        "Drives": [to(f"{STORE}/Drives/1"), to(f"{STORE}/Drives/2")],
        "Volumes": to(f"{STORE}/Volumes"),
    },
    f"{STORE}/Drives/1": {"Id": "1", "CapacityBytes": 5 << 30, "MediaType": "HDD"},
    f"{STORE}/Drives/2": {
        "Id": "2",
        "CapacityBytes": 5 << 30,
        "Protocol": "NVMe",
        "Identifiers": [{"DurableName": "6005", "DurableNameFormat": "NAA"}],
        "Links": {"Volumes": [to(f"{STORE}/Volumes/1")]},
    },
    f"{STORE}/Volumes": {
        **members(f"{STORE}/Volumes/1"),
        "@Redfish.OperationApplyTimeSupport": {"SupportedValues": ["OnReset"]},
    },
    f"{STORE}/Volumes/1": {
        "RAIDType": "RAID1",
        "CapacityBytes": 4 << 30,
        "Identifiers": [{"DurableName": "0x6006", "DurableNameFormat": "NAA"}],
    },
    f"{ROOT}/Chassis/1": {"NetworkAdapters": to(f"{ROOT}/Chassis/1/NetworkAdapters")},
    f"{ROOT}/Chassis/1/NetworkAdapters": members(CARD),
    CARD: {"Ports": to(f"{CARD}/Ports")},
    f"{CARD}/Ports": members(f"{CARD}/Ports/1"),
    f"{CARD}/Ports/1": {
        "Ethernet": {
            "AssociatedMACAddresses": ["02:00:00:00:00:01"],
            "LLDPReceive": {"ChassisId": "leaf1", "PortId": "7"},
        }
    },
    PCI: {"PCIeFunctions": to(f"{PCI}/PCIeFunctions")},
    f"{PCI}/PCIeFunctions": members(f"{PCI}/PCIeFunctions/0"),
    f"{PCI}/PCIeFunctions/0": {"VendorId": "0x10DE", "DeviceId": "0x2342"},
}
_READERS: tuple[Callable[[Any], Any], ...] = (
    redfish_inventory.machine,
    redfish_inventory.interfaces,
    redfish_inventory.disks,
    redfish_inventory.devices,
    neighbours,
)
_REFUSED = (exceptions.SushyError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What ``redfish_call`` puts into words."""
_JUNK: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        0.5,
        math.inf,
        -math.inf,
        math.nan,
        1 << 200,
        "",
        "\x00\ud800",
        "x" * 5000,
    ),
    *({}, [], [[]], [None, 7, "x"], to(SYSTEM), to(STORE), {"@odata.id": 7}),
    [to(f"{STORE}/Volumes/1")] * 3,
)
Place = tuple[str | int, ...]
"""Where something stands: the document's address, then keys."""


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield every place below a value."""
    inside: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, one in inside:
        yield (*place, key)
        yield from places(one, (*place, key))


PLACES = [place for place in places(dict(DOCUMENTS)) if place != (SYSTEM,)]


def spoiled(*spoils: tuple[Place, Any]) -> Any:
    """Return the service with junk in some places."""
    documents: Any = copy.deepcopy(dict(DOCUMENTS))
    for place, junk in spoils:
        with suppress(IndexError, KeyError, TypeError):  # other junk stands in its place
            holder: Any = documents
            for key in place[:-1]:
                holder = holder[key]
            holder[place[-1]] = junk
    return Tree(documents, SYSTEM)


def check_inventory(tree: Any) -> None:
    for read in _READERS:
        try:
            told = read(tree)
        except _REFUSED:
            continue
        for part in (told.inventory, told.plugin_data, told.properties, told.capabilities):
            json.dumps(clean_document(part), allow_nan=False)


def check_storage(tree: Any) -> None:
    """See that nothing is deleted but what says that it is a volume made of drives."""
    try:
        found = redfish_storage.stores(tree)
    except _REFUSED:
        return
    json.dumps(clean_document(configuration(found, (), None)), allow_nan=False)
    for action in plan_deletion(found, Guard({})):
        said = tree.documents[action.delete]
        words = [said.get("RAIDType"), said.get("VolumeType")]
        assert any(isinstance(one, str) and one not in ("", "None", "RawDevice") for one in words)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place))[-60:])
def test_junk_at_any_place_is_read_or_refused_and_can_be_kept(place: Place) -> None:
    for junk in _JUNK:
        tree = spoiled((place, junk))
        check_inventory(tree)
        check_storage(tree)


_SPOIL = st.tuples(st.sampled_from(PLACES), st.sampled_from(_JUNK))


@given(st.lists(_SPOIL, min_size=2, max_size=6))
def test_junk_at_several_places_is_read_or_refused(spoils: list[tuple[Place, Any]]) -> None:
    tree = spoiled(*spoils)
    check_inventory(tree)
    check_storage(tree)


def test_what_is_no_junk_is_read() -> None:
    tree: Any = Tree(DOCUMENTS, SYSTEM)
    machine, cards, disks, devices, heard = (read(tree) for read in _READERS)
    assert machine.inventory["cpu"]["architecture"] == "x86_64"
    assert [one["mac_address"] for one in cards.inventory["interfaces"]] == ["02:00:00:00:00:01"]
    found = [(one["name"], one["size"], one["wwn"]) for one in disks.inventory["disks"]]
    assert found == [("1", 4 << 30, "0x6006"), ("1", 5 << 30, None)]
    assert devices.inventory["pci_devices"][0]["product_id"] == "2342"
    assert list(heard.plugin_data["lldp_by_mac"]) == ["02:00:00:00:00:01"]
    (store,) = redfish_storage.stores(tree)
    assert [one.drives for one in store.volumes] == [(f"{STORE}/Drives/2",)]
    assert (store.levels, store.apply_times) == (("1",), ("OnReset",))


@pytest.mark.parametrize("arm", ["ARMv9", "ARMv8 (Neoverse)"])
def test_a_processor_is_known_by_the_name_of_its_architecture(arm: str) -> None:
    documents = copy.deepcopy(dict(DOCUMENTS))
    documents[f"{SYSTEM}/Processors/1"] = {}
    documents[SYSTEM]["ProcessorSummary"]["Model"] = arm
    tree: Any = Tree(documents, SYSTEM)
    assert redfish_inventory.machine(tree).inventory["cpu"]["architecture"] == "aarch64"


def read_store(**changes: Any) -> redfish_storage.Store:
    """Return the storage of the service with members of some documents added, by the last parts of their addresses."""
    documents = copy.deepcopy(dict(DOCUMENTS))
    for place, fields in changes.items():
        documents[f"{STORE}/{place.replace('_', '/')}"] |= fields
    tree: Any = Tree(documents, SYSTEM)
    (found,) = redfish_storage.stores(tree)
    return found


@pytest.mark.parametrize(
    ("chassis", "idents"),
    [
        ((f"{ROOT}/Chassis/A", f"{ROOT}/Chassis/B"), ["A/0", "B/0"]),
        ((f"{ROOT}/Chassis/A", f"{ROOT}/Chassis/A"), [f"{STORE}/Drives/1", f"{STORE}/Drives/2"]),
        ((None, f"{ROOT}/Chassis/B"), [f"{STORE}/Drives/1", "B/0"]),
    ],
)
def test_drives_of_several_enclosures_that_are_counted_alike_are_told_apart(
    chassis: tuple[str | None, str | None], idents: list[str]
) -> None:
    said = [{"Id": "0", "Links": {"Chassis": to(one)} if one else {}} for one in chassis]
    found = read_store(Drives_1=said[0], Drives_2=said[1])
    assert [drive.ident for drive in found.drives] == idents
    assert found.paths == dict(zip(idents, (f"{STORE}/Drives/1", f"{STORE}/Drives/2"), strict=True))


@pytest.mark.parametrize(
    ("names", "wwn"),
    [
        ([("NAA", "0x5000C500A1B2C3D4")], "0x5000c500a1b2c3d4"),
        ([("NAA", "naa.5000C500A1B2C3D4")], "0x5000c500a1b2c3d4"),
        ([("EUI", "00-25-38-5B-11-00-00-01")], "eui.0025385b11000001"),
        ([("EUI", "eui.0025385b11000001")], "eui.0025385b11000001"),
        ([("NGUID", "36344730528000010025385800000001")], "eui.36344730528000010025385800000001"),
        ([("EUI", "0025385b11000001"), ("NGUID", "3634473052800001")], "eui.3634473052800001"),
        ([("UUID", "36344730-5280-0001-0025-385800000001")], None),
        ([("NAA", "no hex")], None),
    ],
)
def test_world_wide_names_are_those_of_linux(names: list[tuple[str, str]], wwn: str | None) -> None:
    told = [{"DurableNameFormat": kind, "DurableName": name} for kind, name in names]
    found = read_store(Drives_1={"Identifiers": told}, Volumes_1={"Identifiers": told})
    assert (found.drives[0].wwn, found.volumes[0].wwn) == (wwn, wwn)


def test_a_volume_keeps_both_of_its_names() -> None:
    for fields, names in (
        ({"Name": "keep", "DisplayName": "Virtual Disk 0"}, ("Virtual Disk 0", "keep")),
        ({"Name": "keep", "DisplayName": "keep"}, ("keep",)),
        ({"Name": "keep"}, ("keep",)),
        ({}, ()),
    ):
        assert read_store(Volumes_1=fields).volumes[0].names == names


_UNTOLD: tuple[Mapping[str, Any], ...] = ({}, {"MediaType": None}, {"RotationSpeedRPM": None})


@pytest.mark.parametrize(
    ("kinds", "rotates"),
    [
        *([({"MediaType": kind},), kind != "SSD"] for kind in ("HDD", "SMR", "SSD")),
        *([({"RotationSpeedRPM": rate},), rate > 0] for rate in (0, 7200, 10000.5)),
        *([(untold,), None] for untold in _UNTOLD),
        (({"Protocol": "NVMe"},), False),
        (({"MediaType": "HDD"}, {"MediaType": "HDD", "RotationSpeedRPM": 15000}), True),
        (({"MediaType": "HDD"}, {"MediaType": "SSD"}), None),
        (({"MediaType": "SSD"}, {}), None),
    ],
)
def test_a_disk_rotates_as_far_as_its_drives_tell(
    kinds: tuple[Mapping[str, Any], ...], rotates: bool | None
) -> None:
    paths = [f"{STORE}/Drives/{number}" for number in range(len(kinds))]
    drives = {
        path: {"CapacityBytes": 5 << 30, **kind} for path, kind in zip(paths, kinds, strict=True)
    }
    documents = {**copy.deepcopy(dict(DOCUMENTS)), **drives}
    documents[STORE]["Drives"] = [to(path) for path in paths]
    documents[f"{STORE}/Volumes/1"]["Links"] = {"Drives": [to(path) for path in paths]}
    for is_raid in (True, False):
        if not is_raid:
            documents[f"{STORE}/Volumes"] = members()
        tree: Any = Tree(documents, SYSTEM)
        found = redfish_inventory.disks(tree).inventory["disks"]
        told = {one.get("rotational") for one in found}
        assert len(found) == (1 if is_raid else len(kinds))
        assert told == {rotates} or (len(kinds) > 1 and not is_raid)
        assert all(("rotational" in one) is (one.get("rotational") is not None) for one in found)
