"""A node's BMC is found at its address in whatever form the address was written; names are not looked up here."""

import pytest

from controller.workflow.stages.inspect import bmc_addresses


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("192.0.2.10", ["192.0.2.10"]),
        (" 192.0.2.10:6230 ", ["192.0.2.10"]),
        ("ipmi://[2001:db8::1]:623", ["2001:db8::1"]),
        ("[2001:db8::1]", ["2001:db8::1"]),
        ("127.0.0.1:6230", []),
        ("no host", []),
        ("", []),
    ],
)
def test_the_form_of_an_address_does_not_matter(written: str, found: list[str]) -> None:
    assert bmc_addresses({"ipmi_address": written, "ipmi_port": 623}) == found


def test_redfish_has_web_addresses() -> None:
    written = {"redfish_address": "HTTPS://192.0.2.1:8443/redfish/v1"}
    assert bmc_addresses(written) == ["192.0.2.1"]
