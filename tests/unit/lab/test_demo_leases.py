from tests.lab.demo.leases import address_of

_RAMDISKS = """\
1795697454 52:54:00:01:00:00 172.30.1.89 * 01:52:54:00:01:00:00
1795697461 52:54:00:01:01:00 172.30.1.88 * 01:52:54:00:01:01:00
"""
_DEPLOYED = """\
1795697674 52:54:00:01:01:00 172.30.1.91 node-2-deployed ff:5c:bb
1795697662 52:54:00:01:00:00 172.30.1.90 node-1-deployed ff:5c:bb
1795697454 52:54:00:01:00:00 172.30.1.89 * 01:52:54:00:01:00:00
duid 00:01
"""


def test_the_deployed_system_is_found_and_not_the_ramdisk_that_was_there_before() -> None:
    assert address_of(_DEPLOYED, "52:54:00:01:00:00", "node-1-deployed") == "172.30.1.90"


def test_the_ramdisks_lease_is_not_taken_for_that_of_a_system_whose_network_is_not_up() -> None:
    assert address_of(_RAMDISKS, "52:54:00:01:00:00", "node-1-deployed") is None


def test_a_machine_without_a_lease_has_no_address() -> None:
    assert address_of(_DEPLOYED, "52:54:00:01:09:00", "node-1-deployed") is None
