"""What the operator sets about images reaches the hardware managers, and nothing is allowed by default."""

import base64

import pytest

from agent.errors import SettingError
from agent.hardware.image_rules import ImageRules
from agent.lifecycle.wishes import wishes_of
from agent.settings import Settings

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def rules(cmdline: str = "", file_text: str | None = None) -> ImageRules:
    return wishes_of(Settings.from_sources(cmdline, file_text, {})).images


def test_nothing_is_allowed_by_default() -> None:
    assert rules() == ImageRules()
    assert (ImageRules().allow_unverified, ImageRules().allow_md5) == (False, False)
    assert (ImageRules().folders, ImageRules().verify_tls) == ((), True)


def test_the_kernel_command_line_says_what_is_allowed() -> None:
    said = rules(
        "ingot-allow-unverified-images=1 ingot-allow-md5-images=1 ingot-image-folders=/mnt/a,/mnt/b"
        " ingot-insecure-registries=lab:5000, ingot-image-stall-timeout=7 ingot-image-stall-bytes=8"
    )
    assert said == ImageRules(
        allow_unverified=True,
        allow_md5=True,
        folders=("/mnt/a", "/mnt/b"),
        insecure_registries=("lab:5000",),
        stall_timeout_s=7,
        stall_least_bytes=8,
    )


def test_the_lookups_answer_may_allow_md5() -> None:
    settings = Settings.from_sources("", None, {})
    assert wishes_of(settings, allow_md5=True).images == ImageRules(allow_md5=True)


def test_the_controllers_insecure_flag_does_not_reach_image_servers() -> None:
    assert rules("ipa-insecure=1").verify_tls
    assert not rules("ingot-image-insecure=1").verify_tls


def test_authorities_come_as_files_and_as_text() -> None:
    text = f'ca_file = "/a.pem"\nimage_ca_file = "/b.pem"\nimage_ca = """{PEM}"""\n'
    assert rules(file_text=text).ca_files == ("/a.pem", "/b.pem")
    assert rules(file_text=text).ca_pem == PEM
    encoded = base64.b64encode(PEM.encode()).decode()
    assert rules(f"ingot-image-ca={encoded}").ca_pem == PEM


@pytest.mark.parametrize("text", ["MIIB", "!!", base64.b64encode(b"\xff\xff").decode()])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="image_ca: neither"):
        rules(f"ingot-image-ca={text}")
