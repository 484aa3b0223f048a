"""What the operator sets about images reaches the hardware managers, and nothing is allowed by default."""

import base64
from typing import Any

import pytest

from agent.api.tls import TlsTerms
from agent.errors import SettingError
from agent.hardware.image_rules import ImageRules
from agent.hardware.wishes import Wishes
from agent.lifecycle.wishes import tls_terms, wishes_of
from agent.protocol.lookup import LookupConfig
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


def ordered(cmdline: str = "", **config: Any) -> Wishes:
    settings = Settings.from_sources(cmdline, None, {})
    return wishes_of(settings, LookupConfig(heartbeat_timeout=1, **config))


def test_the_lookups_answer_may_allow_md5() -> None:
    assert ordered(agent_md5_checksum_enable=True).images == ImageRules(allow_md5=True)


def test_the_lookups_answer_says_which_formats_may_be_written_and_whether_that_is_looked_at() -> (
    None
):
    assert ordered(permitted_image_formats=["raw"]).images.formats == ("raw",)
    assert ordered(permitted_image_formats=[]).images.formats == ()
    assert ordered().images.formats == ("raw", "gpt", "qcow2")
    assert not ordered(disable_deep_image_inspection=True).images.check_format


def test_the_lookups_answer_may_keep_the_agent_from_asking_the_bmc() -> None:
    assert ordered(agent_skip_bmc_detect=True).skip_bmc
    assert not ordered().skip_bmc


def test_only_the_lookups_answer_allows_to_run_grub_install_of_an_image() -> None:
    assert ordered(enable_bios_bootloader_install=True).bios_bootloader
    assert not ordered().bios_bootloader
    assert not wishes_of(
        Settings.from_sources("enable-bios-bootloader-install=1", None, {})
    ).bios_bootloader


def terms(cmdline: str = "", **config: Any) -> TlsTerms:
    settings = Settings.from_sources(cmdline, None, {})
    return tls_terms(settings, LookupConfig(heartbeat_timeout=1, **config))


@pytest.mark.parametrize(
    ("own", "said", "used"),
    [
        ("1.2", None, "1.2"),
        ("1.2", "1.3", "1.3"),
        ("1.3", "1.2", "1.3"),
        ("1.2", "1.1", "1.2"),
        ("1.3", "TLSv1.9", "1.3"),
        ("1.2", "", "1.2"),
    ],
)
def test_the_stricter_tls_version_counts_and_an_unknown_one_is_told(
    own: str, said: str | None, used: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert terms(f"ipa-tls-min-version={own}", tls_min_version=said).min_version == used
    assert ("is unknown" in caplog.text) == (said not in (None, "", "1.2", "1.3"))
    assert ordered(tls_min_version="1.3").images.tls_min_version == "1.3"


def test_ciphers_that_openssl_does_not_know_are_told_and_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = "ECDHE-ECDSA-AES256-GCM-SHA384"
    assert terms(tls_cipher_suites=good).cipher_suites == good
    assert caplog.text == ""
    assert terms(f"ipa-tls-cipher-suites={good}", tls_cipher_suites="MAGIC").cipher_suites == good
    assert "no cipher that OpenSSL knows" in caplog.text
    assert terms("ipa-tls-cipher-suites=MAGIC") == TlsTerms()


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


def test_bootable_containers_and_boot_loaders_are_as_the_settings_say() -> None:
    usual = wishes_of(Settings())
    assert not usual.disable_bootc
    assert not usual.ignore_bootloader_failure
    told = Settings.from_sources(
        "ingot-disable-bootc-deploy=1 ipa-ignore-bootloader-failure=1", None, {}
    )
    assert wishes_of(told).disable_bootc
    assert wishes_of(told).ignore_bootloader_failure
