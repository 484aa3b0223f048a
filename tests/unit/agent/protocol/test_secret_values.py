from typing import Any

import pytest

from agent.protocol.secret_values import secret_values


@pytest.mark.parametrize(
    ("document", "secrets"),
    [
        ({"password": "geheim", "address": "10.0.0.1", "port": 22}, {"geheim"}),
        ({"auth": {"user": "admin", "password": "geheim"}}, {"geheim"}),
        ({"users": [{"name": "a", "pin_code": 1, "enable_secret": 4711}]}, {"4711"}),
        ({"passwords": ["one", ["two"]], "plain": ["three"]}, {"one", "two"}),
        ({"credentials": {"login": "admin", "value": "geheim"}}, {"admin", "geheim"}),
        ({"settings": [{"name": "AdminPassword", "value": "geheim"}]}, {"geheim"}),
        ({"settings": [{"name": "BootMode", "value": "Uefi"}]}, set()),
        ({"url": "https://admin:geheim@switch/api"}, {"geheim"}),
        ({"password": "", "token": None, "secret": True, "api_key": "******"}, set()),
        ({}, set()),
    ],
)
def test_secrets_are_found_on_every_level(document: dict[str, Any], secrets: set[str]) -> None:
    assert set(secret_values(document)) == secrets


def test_a_name_may_be_none_of_a_secret() -> None:
    document = {"image_url": "http://a/b", "more": {"image_url": "http://c:geheim@d"}}
    assert set(secret_values(document, {"image_url"})) == {"geheim"}
