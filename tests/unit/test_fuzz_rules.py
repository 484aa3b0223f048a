"""What the fuzzers count as a find."""

import json

from tests.fuzz.web_requests import is_broken


def _body(words: str) -> bytes:
    fault = json.dumps({"faultcode": "Server", "faultstring": words, "debuginfo": None})
    return json.dumps({"error_message": fault}).encode()


def test_a_failure_of_the_application_is_one_and_a_refusal_of_a_bmc_is_none() -> None:
    assert is_broken(500, _body("Internal error (KeyError); the controller's log has the details"))
    assert is_broken(503, _body("The database does not answer"))
    assert not is_broken(500, _body("fake BMC '': NMI refused: the machine is off; power it on"))
    assert not is_broken(404, _body("Node x could not be found"))
