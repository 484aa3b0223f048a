"""The description of the API is served, whatever version a request names."""

from pathlib import Path

import pytest

from controller.api.routes import description
from tests.integration.controller_api import make_api


@pytest.mark.parametrize("version", [None, "1.1", "1.90", "1.115"])
def test_the_description_is_served_at_every_version(tmp_path: Path, version: str | None) -> None:
    served = make_api(tmp_path).ok("GET", "/openapi.json", version=version)
    assert served == description()
