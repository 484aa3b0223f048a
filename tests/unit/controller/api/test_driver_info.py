from typing import Any

import pytest

from controller.api.nodes.driver_info import checked_driver_info
from controller.errors import Invalid


def test_values_are_stored_in_their_type() -> None:
    given: dict[str, Any] = {
        "ipmi_port": "6230",
        "ipmi_password": 1234,
        "ipmi_cipher_suite": 3,
        "ipmi_force_boot_device": "yes",
        "wipe_special_filesystems": "True",
        "anything": [1],
    }
    assert checked_driver_info(given) == {
        "ipmi_port": 6230,
        "ipmi_password": "1234",
        "ipmi_cipher_suite": 3,
        "ipmi_force_boot_device": True,
        "wipe_special_filesystems": True,
        "anything": [1],
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("ipmi_port", "many"),
        ("ipmi_port", 0),
        ("ipmi_port", 65536),
        ("ipmi_port", True),
        ("ipmi_port", 6.5),
        ("ipmi_cipher_suite", 4),
        ("ipmi_bridging", "triple"),
        ("ipmi_priv_level", "GOD"),
        ("ipmi_protocol_version", "3"),
        ("ipmi_address", ["10.0.0.1"]),
        ("deploy_kernel", {}),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(Invalid, match=f"driver_info/{key}"):
        checked_driver_info({key: value})


def test_a_malformed_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Invalid) as caught:
        checked_driver_info({"ipmi_password": ["geheim"]})
    assert "geheim" not in str(caught.value)
