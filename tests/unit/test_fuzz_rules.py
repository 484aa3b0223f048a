"""What the fuzzers count as a find."""

from tests.fuzz.web_requests import is_broken


def test_a_failure_of_the_application_is_one_and_a_refusal_of_a_bmc_is_none() -> None:
    assert is_broken(500)
    assert is_broken(503)
    assert not is_broken(502)
    assert not is_broken(404)
