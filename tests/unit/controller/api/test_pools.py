"""Paths as clients write them, and which pool they lead to."""

import pytest

from controller.api.paths import is_api, normal_path
from controller.api.pools import pool_of
from controller.api.routes import ROUTES


@pytest.mark.parametrize(
    ("path", "pool"),
    [
        ("/", "people"),
        ("/v1/nodes", "people"),
        ("/nodes/x/states", "people"),
        ("/healthcheck", "people"),
        ("/ui/", "people"),
        ("/v1/lookups", "people"),
        ("/bootx", "people"),
        ("", "people"),
        ("/v1/lookup", "agents"),
        ("/lookup/", "agents"),
        ("/v1/heartbeat/a\nb", "agents"),
        ("/heartbeat/x", "agents"),
        ("/v1/continue_inspection/", "agents"),
        ("/boot", "files"),
        ("/boot/ipxe", "files"),
        ("/images/a/b", "files"),
    ],
)
def test_a_path_leads_to_its_pool(path: str, pool: str) -> None:
    assert pool_of(path) == pool


@pytest.mark.parametrize("path", sorted({route.path for route in ROUTES}))
def test_every_route_of_the_api_can_be_written_with_slashes_at_its_end(path: str) -> None:
    for end in ("", "/", "//"):
        assert normal_path(path + end) == path
        assert is_api(normal_path(path + end))
