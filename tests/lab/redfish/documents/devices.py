"""What is plugged into the machine: processors, a network adapter with a port for each card, PCI devices."""

from tests.lab.redfish.answers import Document, RefusedError
from tests.lab.redfish.documents.names import (
    HEALTHY,
    Ids,
    chassis_path,
    check_ids,
    collection,
    found,
    link,
    links,
    missing,
    resource,
    system_path,
)
from tests.lab.redfish.state import View

ADAPTER = "NIC"
SWITCH_MAC = "02:00:00:00:77:01"
_PCI = {"0-3": ("0x1AF4", "0x1000", "0x020000"), "0-4": ("0x10DE", "0x2342", "0x030200")}
"""Vendor, product, class by device."""


def processors(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{system_path(view)}/Processors"
    return collection(path, "ProcessorCollection", "Processors", [f"{path}/GPU1", f"{path}/CPU1"])


def processor(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    kind = found({"GPU1": "GPU", "CPU1": "CPU"}, ids["id"])
    document = resource(
        f"{system_path(view)}/Processors/{ids['id']}",
        "Processor.v1_20_0",
        ids["id"],
        ProcessorType=kind,
        Model="QEMU",
        Status=HEALTHY,
    )
    if kind == "CPU":
        document |= {
            "InstructionSet": "x86-64",
            "ProcessorArchitecture": "x86",
            "MaxSpeedMHz": 2400,
            "TotalCores": view.facts.cpus,
            "TotalThreads": view.facts.cpus,
        }
    return document


def adapters(view: View, ids: Ids) -> Document:
    check_ids(view, ids)
    path = f"{chassis_path(view)}/NetworkAdapters"
    return collection(path, "NetworkAdapterCollection", "Network adapters", [f"{path}/{ADAPTER}"])


def adapter(view: View, ids: Ids) -> Document:
    path = _adapter_path(view, ids)
    return resource(
        path,
        "NetworkAdapter.v1_11_0",
        "Network adapter",
        Manufacturer="QEMU",
        Model="virtio-net",
        Status=HEALTHY,
        Ports=link(f"{path}/Ports"),
        NetworkDeviceFunctions=link(f"{path}/NetworkDeviceFunctions"),
    )


def ports(view: View, ids: Ids) -> Document:
    path = f"{_adapter_path(view, ids)}/Ports"
    paths = (f"{path}/{number}" for number in range(len(view.facts.macs)))
    return collection(path, "PortCollection", "Ports", paths)


def port(view: View, ids: Ids) -> Document:
    path, mac = f"{_adapter_path(view, ids)}/Ports/{ids['id']}", _mac(view, ids)
    ethernet: Document = {"AssociatedMACAddresses": [mac]}
    if view.faults.switch:
        ethernet |= {
            "LLDPEnabled": True,
            "LLDPReceive": {
                "ChassisId": SWITCH_MAC,
                "ChassisIdSubtype": "MacAddr",
                "PortId": f"Ethernet1/{ids['id']}",
                "PortIdSubtype": "IfName",
                "SystemName": view.faults.switch,
                "ManagementAddressIPv4": "192.0.2.77",
                "ManagementAddressIPv6": "::",
            },
        }
    return resource(
        path,
        "Port.v1_14_0",
        f"Port {ids['id']}",
        PortProtocol="Ethernet",
        LinkStatus="LinkUp" if view.facts.is_on else "LinkDown",
        Ethernet=ethernet,
        Status=HEALTHY,
    )


def functions(view: View, ids: Ids) -> Document:
    path = f"{_adapter_path(view, ids)}/NetworkDeviceFunctions"
    paths = (f"{path}/{number}" for number in range(len(view.facts.macs)))
    return collection(path, "NetworkDeviceFunctionCollection", "Functions", paths)


def function(view: View, ids: Ids) -> Document:
    mac = _mac(view, ids)
    return resource(
        f"{_adapter_path(view, ids)}/NetworkDeviceFunctions/{ids['id']}",
        "NetworkDeviceFunction.v1_9_2",
        f"Function {ids['id']}",
        NetDevFuncType="Ethernet",
        Ethernet={"MACAddress": mac, "PermanentMACAddress": mac},
        Status=HEALTHY,
    )


def pci_devices(view: View, ids: Ids) -> Document:
    path = _pci_path(view, ids)
    return collection(path, "PCIeDeviceCollection", "PCIe devices", (f"{path}/{n}" for n in _PCI))


def pci_device(view: View, ids: Ids) -> Document:
    path = f"{_pci_path(view, ids)}/{ids['id']}"
    found(_PCI, ids["id"])
    return resource(
        path,
        "PCIeDevice.v1_15_0",
        ids["id"],
        DeviceType="SingleFunction",
        Status=HEALTHY,
        PCIeFunctions=link(f"{path}/PCIeFunctions"),
    )


def pci_functions(view: View, ids: Ids) -> Document:
    path = f"{_pci_path(view, ids)}/{ids['device']}/PCIeFunctions"
    found(_PCI, ids["device"])
    return collection(path, "PCIeFunctionCollection", "Functions", [f"{path}/0"])


def pci_function(view: View, ids: Ids) -> Document:
    vendor, product, kind = found(_PCI, ids["device"])
    if ids["id"] != "0":
        raise missing(ids["id"])
    device = f"{_pci_path(view, ids)}/{ids['device']}"
    return resource(
        f"{device}/PCIeFunctions/0",
        "PCIeFunction.v1_5_1",
        "0",
        FunctionId=0,
        VendorId=vendor,
        DeviceId=product,
        ClassCode=kind,
        RevisionId="0x01",
        Status=HEALTHY,
        Links={"PCIeDevice": link(device)},
    )


def devices_of(view: View) -> list[Document]:
    """Return the links of a system to its PCI devices."""
    return links(f"{chassis_path(view)}/PCIeDevices/{name}" for name in _PCI)


def _pci_path(view: View, ids: Ids) -> str:
    check_ids(view, ids)
    if view.faults.fails_devices:
        raise RefusedError(500, "GeneralError")
    return f"{chassis_path(view)}/PCIeDevices"


def _adapter_path(view: View, ids: Ids) -> str:
    check_ids(view, ids)
    if ids["adapter"] != ADAPTER:
        raise missing(ids["adapter"])
    return f"{chassis_path(view)}/NetworkAdapters/{ADAPTER}"


def _mac(view: View, ids: Ids) -> str:
    return found({str(number): mac for number, mac in enumerate(view.facts.macs)}, ids["id"])
