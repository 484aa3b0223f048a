"""The hooks ``ramdisk-error``, ``validate-interfaces`` and ``ports``: which network cards there are, and which get ports."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from agent.protocol.foreign_text import clean_text
from agent.protocol.hardware_address import mac_of_bootif, normal_mac
from controller.errors import StepFailed
from controller.workflow.inspection_hooks.hook import Found, Hook, PortFacts, Seen

VALIDATES = "validate-interfaces"
"""The hook that the others about network interfaces come after."""
_LONGEST_ERROR = 2000
_LONGEST_CLIENT_ID = 255
Interfaces = Mapping[str, Mapping[str, Any]]


def interfaces_of(inventory: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the interfaces with a name and a MAC address; each says whether the machine booted from it."""
    pxe_mac = _pxe_mac(inventory)
    found = {}
    for one in inventory["interfaces"]:
        mac = normal_mac(str(one.get("mac_address") or "")) if isinstance(one, Mapping) else None
        if mac and one.get("name"):
            found[str(one["name"])] = {
                **one,
                "mac_address": mac,
                "pxe_enabled": mac == pxe_mac,
                "ipv6_address": _without_scope(one.get("ipv6_address")),
            }
    return found


def enabled_interfaces(seen: Seen, name: str) -> Interfaces:
    """Return what ``validate-interfaces`` has made: ``all_interfaces`` or ``valid_interfaces``."""
    found: Interfaces = seen.plugin_data[name]
    return found


def _refuse_error(seen: Seen) -> Found:
    error = seen.plugin_data.get("error")
    if error:
        text = clean_text(error, _LONGEST_ERROR)
        raise StepFailed(f"the ramdisk could not inspect the machine: {text}")
    return Found(dropped=("error",))


def _validate(seen: Seen) -> Found:
    interfaces = interfaces_of(seen.inventory)
    valid = {name: one for name, one in interfaces.items() if not _is_loopback(name, one)}
    if not valid:
        raise StepFailed(
            "the inventory has no network interface with a MAC address; check that the ramdisk has the drivers "
            "of the machine's network cards"
        )
    chosen = _chosen(valid, seen.settings.inspection_add_ports, _pxe_mac(seen.inventory))
    warnings: tuple[str, ...] = ()
    if not chosen:
        text = f"no network interface has an address, so inspection_add_ports = {seen.settings.inspection_add_ports!r} chooses none"
        if not seen.is_told_by_bmc:
            raise StepFailed(text)
        chosen = valid
        warnings = (f"{VALIDATES}: the BMC tells no addresses: {text}; all are taken",)
    macs = [one["mac_address"] for one in chosen.values()]
    data = {"all_interfaces": interfaces, "valid_interfaces": chosen, "macs": macs}
    return Found(plugin_data=data, warnings=warnings)


def _chosen(
    valid: Mapping[str, dict[str, Any]], add_ports: str, pxe_mac: str | None
) -> dict[str, dict[str, Any]]:
    """Return the interfaces that get ports.

    Ironic fails the inspection of a machine that booted from a card that its inventory does not have; here it is as if the boot card were
    not known.
    """
    booted_from = {name: one for name, one in valid.items() if one["pxe_enabled"]}
    if add_ports == "pxe" and pxe_mac and booted_from:
        return booted_from
    if add_ports == "active":
        return {name: one for name, one in valid.items() if _ip(one)}
    return dict(valid)


def _set_ports(seen: Seen) -> Found:
    """Make ports, and bring those that there are into line with the inventory."""
    settings = seen.settings
    chosen = enabled_interfaces(seen, "valid_interfaces")
    every = {one["mac_address"]: one for one in enabled_interfaces(seen, "all_interfaces").values()}
    knows_boot_card = any(one["pxe_enabled"] for one in every.values())
    new = {
        one["mac_address"]: _new_port(one, is_bootable=one["pxe_enabled"] or not knows_boot_card)
        for one in (chosen.values() if settings.inspection_add_ports != "disabled" else ())
        if one["mac_address"] not in seen.ports
    }
    kept = {"present": set(every), "added": set(seen.plugin_data["macs"])}
    expected = kept.get(settings.inspection_keep_ports)
    missed = tuple(mac for mac in seen.ports if expected is not None and mac not in expected)
    gone = tuple(mac for mac in missed if mac in every or not seen.is_told_by_bmc)
    changes: dict[str, dict[str, Any]] = {}
    for mac, port in seen.ports.items():
        is_changed = settings.inspection_update_pxe_enabled and knows_boot_card
        is_bootable = bool(every.get(mac, {}).get("pxe_enabled"))
        change: dict[str, Any] = {}
        if is_changed and is_bootable != port.pxe_enabled:
            change["pxe_enabled"] = is_bootable
        client_id = _client_id(every.get(mac, {}))
        if client_id and client_id != port.extra.get("client-id"):
            change["extra"] = {**port.extra, "client-id": client_id}
        if change and mac not in gone:
            changes[mac] = change
    stay = ", ".join(mac for mac in missed if mac not in gone)
    text = f"ports: the BMC tells of no card with the address {stay}, which is no proof that there is none: the port stays"
    return Found(
        new_ports=tuple(new.values()),
        old_ports=gone,
        ports=changes,
        warnings=(text,) if stay else (),
    )


def _new_port(interface: Mapping[str, Any], *, is_bootable: bool) -> PortFacts:
    client_id = _client_id(interface)
    return PortFacts(
        address=interface["mac_address"],
        pxe_enabled=is_bootable,
        physical_network=None,
        local_link_connection={},
        extra={"client-id": client_id} if client_id else {},
    )


def _client_id(interface: Mapping[str, Any]) -> str | None:
    """Return the DHCP client identifier of an InfiniBand card."""
    said = interface.get("client_id")
    return said if isinstance(said, str) and 0 < len(said) <= _LONGEST_CLIENT_ID else None


def _pxe_mac(inventory: Mapping[str, Any]) -> str | None:
    boot = inventory.get("boot")
    said = boot.get("pxe_interface") if isinstance(boot, Mapping) else None
    return mac_of_bootif(str(said or ""))


def _without_scope(address: Any) -> Any:
    return address.partition("%")[0] if isinstance(address, str) else address


def _is_loopback(name: str, interface: Mapping[str, Any]) -> bool:
    try:
        return name == "lo" or ipaddress.ip_address(str(_ip(interface))).is_loopback
    except ValueError:
        return False


def _ip(interface: Mapping[str, Any]) -> Any:
    return interface.get("ipv4_address") or interface.get("ipv6_address")


RAMDISK_ERROR = Hook(prepare=_refuse_error)
VALIDATE_INTERFACES = Hook(prepare=_validate)
PORTS = Hook(run=_set_ports, after=(VALIDATES,))
