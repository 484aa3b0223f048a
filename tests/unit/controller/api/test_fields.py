from controller.api.nodes.fields import NODES, STATES_FIELDS
from controller.api.nodes.shapes import as_internal
from controller.api.resource.shapes import as_masked
from controller.api.routes import RESOURCES
from controller.api.versions import MAX_MINOR

# The node document of Ironic at API 1.115, and what it may be patched with.
IRONIC_FIELDS = """
uuid created_at updated_at automated_clean bios_interface boot_interface boot_mode clean_step
conductor_group console_enabled console_interface disable_power_off deploy_interface deploy_step
description driver driver_info driver_internal_info extra fault firmware_interface health
inspection_finished_at inspection_started_at inspect_interface instance_info instance_name
instance_uuid last_error lessee maintenance maintenance_reason management_interface name
network_data network_interface owner parent_node power_interface power_state properties protected
protected_reason provision_state provision_updated_at raid_config raid_interface rescue_interface
reservation resource_class retired retired_reason secure_boot service_step shard storage_interface
target_power_state target_provision_state target_raid_config traits vendor_interface links conductor
allocation_uuid chassis_uuid ports states portgroups volume
"""
IRONIC_PATCHABLE = """
automated_clean bios_interface boot_interface chassis_uuid conductor_group console_interface
deploy_interface description disable_power_off driver driver_info extra inspect_interface
instance_info instance_name instance_uuid lessee maintenance management_interface name network_data
network_interface owner power_interface properties protected protected_reason raid_interface
rescue_interface resource_class retired retired_reason shard storage_interface vendor_interface
parent_node firmware_interface
"""
OURS = {
    "burnin",
    "image_receipt",
    "progress",
    "stage",
    "stage_started_at",
    "stage_deadline_at",
    "status_text",
}
SECRET_COLUMNS = {"agent_secret", "boot_key", "config_drive"}


def test_a_node_shows_what_ironic_shows_and_our_progress() -> None:
    assert set(NODES.by_name) == set(IRONIC_FIELDS.split()) | OURS


def test_a_node_can_be_patched_where_ironic_can() -> None:
    assert set(NODES.patchable()) == set(IRONIC_PATCHABLE.split())


def test_no_secret_column_is_shown_as_it_is() -> None:
    for field in NODES.fields:
        assert SECRET_COLUMNS.isdisjoint(field.sources) or field.show is not None
        if field.source in {"driver_info", "driver_internal_info"}:
            assert field.show in {as_masked, as_internal}


def test_every_version_is_one_that_is_served() -> None:
    for resource in (NODES, *RESOURCES):
        assert all(1 <= field.since <= MAX_MINOR for field in resource.fields)


def test_states_show_known_fields() -> None:
    assert set(STATES_FIELDS) <= set(NODES.by_name)
