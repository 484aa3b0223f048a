from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.errors import Invalid
from controller.switches.driver import Switch
from controller.switches.switch_file import NamedNetwork
from controller.switches.switchport import parse_switchport
from controller.workflow.networks.plan import (
    Attachment,
    Moment,
    PortFacts,
    Site,
    network_of_vif,
    plan_networks,
)

IDS = {"a": "aa:bb:cc:dd:ee:01", "b": "aa:bb:cc:dd:ee:02"}
WORKFLOWS = [one for one in Moment if one not in {Moment.TENANT, Moment.IDLE}]


def site(**more: Any) -> Site:
    defaults = {str(one): f"access/native_vlan={10 + n}" for n, one in enumerate(WORKFLOWS)}
    values: dict[str, Any] = {
        "defaults": defaults,
        "switches": {
            "a": Switch(name="a", driver_type="fake", mac_address=IDS["a"]),
            "b": Switch(name="b", driver_type="fake", mac_address=IDS["b"], default_vlan=9),
        },
        "networks": {
            "blue": NamedNetwork(switchport=parse_switchport("access/native_vlan=300", "x")),
            "red": NamedNetwork(
                switchport=parse_switchport("access/native_vlan=301", "x"), physical_network="red"
            ),
        },
        "path": "/etc/ingot/switches.toml",
    }
    return Site(**{**values, **more})


def port(number: int = 1, switch: str = "a", **more: Any) -> PortFacts:
    values: dict[str, Any] = {
        "uuid": f"u{number}",
        "address": f"52:54:00:00:00:{number:02x}",
        "boots": True,
        "link": {"switch_id": IDS[switch], "port_id": f"swp{number}"},
    }
    return PortFacts(**{**values, **more})


def plan(moment: Moment, *ports: PortFacts, at: Site | None = None, **info: Any) -> dict[str, str]:
    found = plan_networks(moment, ports, at or site(), info)
    return {f"{one.switch} {one.port}": str(one.wanted) for one in found}


@pytest.mark.parametrize("moment", WORKFLOWS)
def test_only_ports_that_boot_are_in_the_network_of_a_workflow(moment: Moment) -> None:
    wanted = site().defaults[moment]
    ports = port(1), port(2, boots=False), port(3, "b", boots=False)
    assert plan(moment, *ports) == {
        "a swp1": wanted,
        "a swp2": "None",
        "b swp3": "access/native_vlan=9",
    }


def test_driver_info_goes_before_the_setting_and_that_before_the_ports_own() -> None:
    own = port(switchport={"mode": "access", "native_vlan": 77})
    nothing = site(defaults={})
    assert plan(Moment.CLEANING, own, at=nothing) == {"a swp1": "access/native_vlan=77"}
    assert plan(Moment.CLEANING, own) == {"a swp1": site().defaults["cleaning"]}
    told = plan(Moment.CLEANING, own, cleaning_network="access/native_vlan=78")
    assert told == {"a swp1": "access/native_vlan=78"}
    with pytest.raises(Invalid, match="which network is for cleaning; set cleaning_network"):
        plan(Moment.CLEANING, port(), at=nothing)
    with pytest.raises(Invalid, match="driver_info/cleaning_network"):
        plan(Moment.CLEANING, port(), cleaning_network=78)


def test_a_tenants_network_is_that_of_the_vif_else_the_ports_own_else_none() -> None:
    own = {"mode": "trunk", "native_vlan": 5, "allowed_vlans": [6]}
    assert plan(Moment.TENANT, port(vif="blue", switchport=own)) == {
        "a swp1": "access/native_vlan=300"
    }
    assert plan(Moment.TENANT, port(vif="green", switchport=own)) == {
        "a swp1": "trunk/native_vlan=5/allowed_vlans=6"
    }
    assert plan(Moment.TENANT, port()) == {"a swp1": "None"}
    assert plan(Moment.TENANT, port(), idle_network="access/native_vlan=4") == {
        "a swp1": "access/native_vlan=4"
    }
    with pytest.raises(
        Invalid, match=r"VIF green names no network; add it to \[networks\] in /etc"
    ):
        plan(Moment.TENANT, port(vif="green"))


def test_a_vif_names_a_network_up_to_its_last_dot() -> None:
    networks = site().networks
    assert network_of_vif("blue.2", networks) is networks["blue"]
    assert network_of_vif("blue.2.3", networks) is None
    assert network_of_vif("blu", networks) is None


def test_a_physical_network_that_cannot_be_reached_is_refused() -> None:
    assert plan(Moment.TENANT, port(vif="red")) == {"a swp1": "access/native_vlan=301"}
    assert plan(Moment.TENANT, port(vif="red", physical_network="red"))
    with pytest.raises(Invalid, match="is in physical network blue, VIF red in red"):
        plan(Moment.TENANT, port(vif="red", physical_network="blue"))


def test_the_switch_is_found_by_its_address_else_by_its_name() -> None:
    by_name = {"switch_id": "00:00:00:00:00:09", "port_id": "1", "switch_info": "b"}
    assert list(plan(Moment.CLEANING, port(link=by_name))) == ["b 1"]
    both = {"switch_id": IDS["a"], "port_id": "1", "switch_info": "b"}
    with pytest.raises(Invalid, match=r"is switch a of .*, and switch_info says b"):
        plan(Moment.CLEANING, port(link=both))
    with pytest.raises(Invalid, match=r"no switch of .* \(known: a, b\)"):
        plan(Moment.CLEANING, port(link={**by_name, "switch_info": "c"}))
    with pytest.raises(Invalid, match="set switch_config_file"):
        plan(Moment.CLEANING, port(), at=site(switches={}, path=""))


@pytest.mark.parametrize("missing", ["switch_id", "port_id"])
def test_a_port_whose_place_is_not_known_is_refused_where_it_matters(missing: str) -> None:
    link = {key: value for key, value in port().link.items() if key != missing}
    with pytest.raises(Invalid, match="set switch_id and port_id of its local_link_connection"):
        plan(Moment.PROVISIONING, port(link=link))
    assert plan(Moment.INSPECTION, port(link=link)) == {}
    assert plan(Moment.IDLE, port(link=link)) == {}
    assert plan(Moment.PROVISIONING, port(1), port(2, boots=False, link=link)).keys() == {"a swp1"}


def test_unmanaged_ports_and_smart_cards_are_left_alone() -> None:
    unmanaged = port(link={"network_type": "unmanaged"})
    assert plan(Moment.PROVISIONING, unmanaged, port(2, is_smart=True)) == {}


def test_a_vlan_that_the_switch_must_not_have_is_refused() -> None:
    switches = {
        "a": Switch(name="a", driver_type="x", mac_address=IDS["a"], allowed_vlans=frozenset({5}))
    }
    limited = site(switches=switches)
    assert plan(Moment.IDLE, port(), at=limited) == {"a swp1": "None"}
    with pytest.raises(Invalid, match="VLAN 300 is not among allowed_vlans of switch a"):
        plan(Moment.TENANT, port(vif="blue"), at=limited)


@pytest.mark.parametrize("moment", list(Moment))
def test_no_network_of_driver_info_gets_around_a_switchs_vlans(moment: Moment) -> None:
    one = Switch(
        name="a",
        driver_type="x",
        mac_address=IDS["a"],
        allowed_vlans=frozenset({*range(10, 20), 300}),
        default_vlan=1,
    )
    limited = site(switches={"a": one})
    wide = "trunk/native_vlan=1/allowed_vlans=2-4094"
    assert plan(moment, port(vif="blue"), port(2, boots=False), at=limited)
    with pytest.raises(Invalid, match=r"idle_network is trunk.* VLAN 1 is not among allowed_vlans"):
        plan(moment, port(vif="blue"), at=limited, idle_network=wide)
    if moment in WORKFLOWS:
        with pytest.raises(Invalid, match="VLAN 1 is not among allowed_vlans"):
            plan(moment, port(), at=limited, **{f"{moment}_network": wide})
    of_operator = site(switches={"a": one}, defaults={"idle": "access/native_vlan=999"})
    assert plan(Moment.IDLE, port(), at=of_operator) == {"a swp1": "access/native_vlan=999"}


def test_two_ports_at_one_place_are_refused() -> None:
    with pytest.raises(Invalid, match="00:01 and 52:54:00:00:00:02 are both at port swp1"):
        plan(Moment.CLEANING, port(1), port(2, link=port(1).link))


FACTS = st.builds(
    port,
    number=st.integers(1, 200),
    switch=st.sampled_from("ab"),
    boots=st.booleans(),
    vif=st.sampled_from((None, "blue")),
    is_smart=st.booleans(),
)


@given(st.lists(FACTS, unique_by=lambda one: one.uuid, max_size=8), st.sampled_from(list(Moment)))
def test_every_managed_port_is_named_once_and_those_without_a_network_first(
    ports: list[PortFacts], moment: Moment
) -> None:
    found = plan_networks(moment, ports, site(), {})
    assert sorted(one.uuid for one in found) == sorted(
        one.uuid for one in ports if not one.is_smart
    )
    networks = [one.network for one in found]
    assert networks == sorted(networks, key=lambda network: network != "idle")
    again: Mapping[str, Attachment] = {
        one.uuid: one for one in plan_networks(moment, ports, site(), {})
    }
    assert again == {one.uuid: one for one in found}
