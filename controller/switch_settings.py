"""How the controller attaches ports to networks at their switches; names as in Ironic's section ``[ironic_networking]``."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class SwitchSettings:
    """A part of ``Settings``, for nodes with the network interface ``ironic-networking`` (``docs/how-to/connect-switches.md``)."""

    switch_config_file: str = ""
    """TOML file with the switches (``[switches.NAME]``) and the networks that VIFs name (``[networks]``); its passwords are shown nowhere. Empty: none."""
    provisioning_network: str = ""
    """What the ports that boot are set to while a node is deployed: ``access/native_vlan=100``, or ``trunk/native_vlan=1/allowed_vlans=100,200-210``; a node's ``driver_info.provisioning_network`` wins. Empty: the port's ``extra.switchport``."""
    cleaning_network: str = ""
    """The same while a node is cleaned."""
    rescuing_network: str = ""
    """The same while a node is rescued."""
    inspection_network: str = ""
    """The same while a node is inspected."""
    servicing_network: str = ""
    """The same while a node is serviced."""
    idle_network: str = ""
    """The same of ports that are in no network; empty: the switch's ``default_vlan``, else no VLAN at all."""
    network_link_check: str = "refuse"
    """What becomes of a port whose ``local_link_connection`` the switch has contradicted by LLDP in the last inspection: ``refuse`` (nothing is changed), ``warn`` or ``off``."""
    switch_timeout_s: float = 60.0
    """Longest time for the changes of one node at its switches, together."""
    switch_turn_timeout_s: float = 900.0
    """Longest wait of a node for its turn at a switch that is at other nodes' ports."""
