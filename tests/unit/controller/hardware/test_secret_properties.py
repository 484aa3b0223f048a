"""Which keys of ``driver_info`` are secrets: a table of all that the drivers here read, so that a new key has to be put into it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.masking import masked, may_hold_secrets
from agent.protocol.secret_names import MASK, is_secret
from controller.hardware.registry import load_catalog
from controller.settings import Settings


def _words(text: str) -> list[str]:
    return text.split()


SECRET = frozenset(
    _words(
        "amt_password command_password drac_password iboot_password ilo_password ipmi_hex_kg_key ipmi_password redfish_console_password"
        " redfish_password snmp_auth_key snmp_community snmp_community_read snmp_community_write snmp_priv_key ssh_key_contents ssh_password"
        " vnc_password"
    )
)
PUBLIC = frozenset(
    _words(
        "B1 B2 amt_address amt_protocol amt_username amt_verify_ca cleaning_network command_arguments command_program deploy_iso"
        " deploy_kernel deploy_ramdisk drac_address drac_username external_http_url fake_delay_s fake_failure_rate fake_id"
        " fake_stays_off force_persistent_boot_device iboot_address iboot_port iboot_relay_id iboot_username idle_network"
        " ilo_address ilo_username ilo_verify_ca inspection_network ipmi_address ipmi_bridging ipmi_cipher_suite"
        " ipmi_disable_boot_timeout ipmi_force_boot_device ipmi_local_address ipmi_port ipmi_priv_level ipmi_protocol_version"
        " ipmi_target_address ipmi_target_channel ipmi_terminal_port ipmi_transit_address ipmi_transit_channel ipmi_username"
        " kernel_append_params local_boot_by_order provisioning_network redfish_address redfish_auth_type redfish_console_command"
        " redfish_console_host_key redfish_console_port redfish_console_type redfish_console_username redfish_system_id"
        " redfish_username redfish_verify_ca rescue_iso rescue_kernel rescue_ramdisk rescuing_network servicing_network"
        " snmp_address snmp_auth_protocol snmp_context_engine_id snmp_context_name snmp_driver snmp_off_seconds snmp_outlet"
        " snmp_port snmp_priv_protocol snmp_security snmp_user snmp_version ssh_address ssh_host_key ssh_key_filename ssh_port"
        " ssh_username ssh_virt_type vnc_address vnc_port wol_host wol_port"
    )
)


def of_all_drivers() -> frozenset[str]:
    """Return the keys of ``driver_info`` that the interfaces here read."""
    parts = load_catalog(Settings()).parts.values()
    return frozenset(
        key
        for found in parts
        for part in found.values()
        if type(part).__module__.startswith("controller.")
        for key in getattr(part, "properties", {})
    )


def test_every_key_of_every_driver_is_known_to_be_a_secret_or_not() -> None:
    assert of_all_drivers() == SECRET | PUBLIC


@pytest.mark.parametrize("key", sorted(SECRET))
def test_a_secret_is_one_by_its_name_alone(key: str) -> None:
    document = {key: "b3BlbnNzaC1rZXktdjEAAAAA"}
    assert masked(document) == {key: MASK}
    assert may_hold_secrets(json.dumps(document))


@pytest.mark.parametrize("key", sorted(PUBLIC))
def test_what_is_no_secret_is_shown(key: str) -> None:
    assert masked({key: "ssh-ed25519 AAAA"}) == {key: "ssh-ed25519 AAAA"}


@given(
    st.sampled_from(sorted(SECRET | PUBLIC)),
    st.sampled_from(("", "-", ".", " ", "_")),
    st.sampled_from((str.lower, str.upper, str.title)),
)
def test_a_name_of_a_secret_is_seen_in_the_document_before_it_is_decoded(
    key: str, separator: str, style: object
) -> None:
    assert callable(style)
    written = str(style(key.replace("_", separator)))
    if is_secret(written):
        assert may_hold_secrets(json.dumps({written: "x"}))
