from dataclasses import fields

import pytest

from agent.errors import SettingError
from agent.settings import Settings, unknown_arguments

IRONIC = (
    "selinux=0 troubleshoot=0 text nofb ipa-debug=1 ipa-api-url=http://172.22.0.1:6385/ "
    "ipa-global-request-id=req-1 BOOTIF=52:54:00:22:00:10 initrd=deploy_ramdisk"
)


def test_the_command_line_that_ironic_writes_is_understood() -> None:
    settings = Settings.from_sources(IRONIC, None, {})
    assert settings.api_urls == ("http://172.22.0.1:6385",)
    assert settings.debug
    assert settings.global_request_id == "req-1"
    assert settings.boot_mac == "52:54:00:22:00:10"
    assert unknown_arguments(IRONIC) == ()


def test_flags_win_over_kernel_arguments_and_these_over_the_file() -> None:
    file = 'listen_port = 1\nlookup_timeout_s = 1\nlisten_host = "::1"'
    settings = Settings.from_sources(
        "ipa-listen-port=2 ipa-lookup-timeout=2", file, {"listen_port": 3, "debug": None}
    )
    assert (settings.listen_port, settings.lookup_timeout_s, settings.listen_host) == (
        3,
        2.0,
        "::1",
    )


def test_several_controllers_are_separated_by_commas() -> None:
    settings = Settings.from_sources("ipa-api-url=http://a,https://b:1/", None, {})
    assert settings.api_urls == ("http://a", "https://b:1")


def test_a_list_in_the_file_is_the_same_as_commas() -> None:
    settings = Settings.from_sources("", 'api_urls = ["http://a", "http://b"]', {})
    assert settings.api_urls == ("http://a", "http://b")


@pytest.mark.parametrize(
    ("cmdline", "complaint"),
    [
        ("ingot-image-verify=all", "'all' is not one of none, sample, whole"),
        ("ipa-listen-port=many", "kernel argument ipa-listen-port: 'many' is not a whole number"),
        ("ipa-lookup-timeout=x", "kernel argument ipa-lookup-timeout: 'x' is not a number"),
        ("ipa-insecure=perhaps", "kernel argument ipa-insecure: 'perhaps' is neither"),
        ("ipa-tls-min-version=1.0", "ipa-tls-min-version: '1.0' is not one of 1.2, 1.3"),
        ("ipa-lookup-timeout=-1", "ipa-lookup-timeout: -1 is less than 0"),
        ("ipa-api-url=mdns,http://a", "ipa-api-url: 'mdns' is not an http:// or https:// address"),
    ],
)
def test_a_wrong_value_is_refused_with_the_name_of_the_argument(
    cmdline: str, complaint: str
) -> None:
    with pytest.raises(SettingError, match=complaint):
        Settings.from_sources(cmdline, None, {})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("colour = 1", "unknown key 'colour'"),
        ("= 1", "not TOML"),
        ('tls = "maybe"', "settings file: tls: 'maybe' is neither"),
    ],
)
def test_a_wrong_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(SettingError, match=complaint):
        Settings.from_sources("", text, {})


def test_arguments_of_ironics_agent_that_have_no_effect_here_are_named() -> None:
    given = "quiet ipa-use-mdns=1 ipa-debug ipa-frobnicate=x"
    assert unknown_arguments(given) == ("ipa-use-mdns", "ipa-frobnicate")


def test_every_kernel_argument_belongs_to_one_setting() -> None:
    names = [f.metadata["argument"] for f in fields(Settings) if f.metadata["argument"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("arguments", "urls"),
    [
        ("ipa-api-url=http://c", ()),
        ("ipa-api-url=http://c ipa-inspection-callback-url=http://i/x", ("http://i/x",)),
        (
            "ipa-api-url=http://c,http://d/v1/ ipa-inspection-collectors=lldp,",
            ("http://c/v1/continue_inspection", "http://d/v1/continue_inspection"),
        ),
        ("ipa-inspection-collectors=lldp", ()),
    ],
)
def test_collectors_without_a_callback_address_post_to_the_controller(
    arguments: str, urls: tuple[str, ...]
) -> None:
    assert Settings.from_sources(arguments, None, {}).inspection_urls == urls
