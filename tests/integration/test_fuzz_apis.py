"""A short run of ``make fuzz`` on both programs' APIs: no 500, errors in words and in their shape, no secrets."""

from pathlib import Path

import pytest

from tests.fuzz.agent_api import AgentFuzz
from tests.fuzz.controller_api import ControllerFuzz
from tests.integration.postgres_server import postgres_server

REQUESTS = 1500


@pytest.mark.parametrize("seed", [1, 4])
def test_odd_requests_to_the_controller_are_answered_properly(tmp_path: Path, seed: int) -> None:
    _run(ControllerFuzz(tmp_path, seed), 200, 201, 202, 204, 400, 404, 406)


def test_odd_requests_to_a_controller_with_users_are_answered_properly(tmp_path: Path) -> None:
    _run(ControllerFuzz(tmp_path, 2, has_users=True), 200, 400, 404)


@pytest.mark.postgres
def test_odd_requests_are_answered_properly_with_postgresql(tmp_path: Path) -> None:
    with postgres_server() as url:
        _run(ControllerFuzz(tmp_path, 7, database_url=url), 200, 400, 404)


def test_odd_requests_to_the_agent_are_answered_properly(tmp_path: Path) -> None:
    _run(AgentFuzz(tmp_path, 3), 200, 400, 401, 404)


def _run(fuzz: ControllerFuzz | AgentFuzz, *statuses: int) -> None:
    for number in range(REQUESTS):
        request, fault = fuzz.step()
        assert fault is None, f"request {number}: {fault}\n{request}"
    assert set(statuses) <= set(fuzz.statuses), "the requests do not go deep enough"
    fuzz.close()


@pytest.mark.parametrize("name", ["k%00", "x" * 5000, "link", "..%2f..%2fetc%2fpasswd", "%ff", "."])
@pytest.mark.parametrize("folder", ["/images/", "/images/a/", "/boot/ipxe/"])
def test_a_name_that_no_file_can_have_is_not_found(tmp_path: Path, folder: str, name: str) -> None:
    fuzz = ControllerFuzz(tmp_path, 1)
    for ending in ("", ".efi"):
        assert fuzz.client().get(folder + name + ending).status_code == 404
    fuzz.close()
