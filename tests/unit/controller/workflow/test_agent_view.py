from controller.store.tables import Node
from controller.workflow.agent_view import iso_time, node_for_agent


def test_nothing_secret_reaches_the_agent() -> None:
    node = Node(
        uuid="u",
        provision_state="cleaning",
        driver="ipmi",
        driver_info={
            "ipmi_address": "10.0.0.1",
            "wipe_special_filesystems": True,
            "ipmi_password": "hunter2",
            "ipmi_hex_kg_key": "hunter2",
            "snmp_community": "hunter2",
            "image_http_proxy": "http://me:hunter2@proxy:3128/",
            "more": [{"api_key": "hunter2"}],
        },
        driver_internal_info={
            "agent_url": "https://10.0.0.9:9999",
            "rescue": [{"Passwd": "hunter2"}],
        },
        instance_info={"configdrive": "hunter2", "image_source": "http://a/b"},
        interfaces={"boot": "ipxe"},
        agent_secret="hunter2",
    )
    view = node_for_agent(node)
    assert "hunter2" not in str(view)
    assert view["driver_info"]["ipmi_address"] == "10.0.0.1"
    assert view["driver_info"]["image_http_proxy"] == "http://me:******@proxy:3128/"
    assert view["driver_internal_info"]["agent_secret_token"] == "******"
    assert view["driver_internal_info"]["agent_erase_devices_iterations"] == 1
    assert view["driver_info"]["wipe_special_filesystems"] is True
    assert view["boot_interface"] == "ipxe"


def test_times_look_as_ironic_writes_them() -> None:
    assert iso_time(0.5) == "1970-01-01T00:00:00.500000"
