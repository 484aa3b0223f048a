import pytest

from controller.errors import Invalid
from controller.store.secrets import MASK, masked, unmasked


def test_secrets_of_every_level_are_masked_and_the_rest_stays() -> None:
    shown = masked(
        {
            "ipmi_password": "geheim",
            "ipmi_username": "admin",
            "agent_secret_token": "t",
            "nested": {"list": [{"auth_token": "x", "port": 623}]},
            "ipmi_hex_kg_key": "00",
        }
    )
    assert shown == {
        "ipmi_password": MASK,
        "ipmi_username": "admin",
        "agent_secret_token": MASK,
        "nested": {"list": [{"auth_token": MASK, "port": 623}]},
        "ipmi_hex_kg_key": MASK,
    }


def test_a_password_inside_of_a_url_is_masked() -> None:
    shown = masked({"image_http_proxy": "http://user:geheim@proxy:3128/"})
    assert shown == {"image_http_proxy": f"http://user:{MASK}@proxy:3128/"}


def test_an_empty_password_and_a_flag_are_shown_as_they_are() -> None:
    document = {"ipmi_password": "", "agent_token_required": True, "x_password": None}
    assert masked(document) == document


def test_numbers_are_masked_too() -> None:
    assert masked({"ipmi_password": 1234}) == {"ipmi_password": MASK}


def test_what_was_shown_masked_comes_back_as_what_is_stored() -> None:
    stored = {
        "ipmi_password": "geheim",
        "proxy": "http://u:p@h/",
        "more": {"api_key": "k", "n": 1},
    }
    assert unmasked(masked(stored), stored, "driver_info") == stored


def test_a_new_secret_replaces_the_stored_one() -> None:
    changed = unmasked({"ipmi_password": "new"}, {"ipmi_password": "old"}, "driver_info")
    assert changed == {"ipmi_password": "new"}


def test_the_mask_without_a_stored_secret_is_refused() -> None:
    with pytest.raises(Invalid, match="driver_info/ipmi_password is"):
        unmasked({"ipmi_password": MASK}, {}, "driver_info")
