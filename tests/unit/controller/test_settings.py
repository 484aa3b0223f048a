from dataclasses import fields
from typing import Any

import pytest

from controller.errors import SettingsError
from controller.load_settings import load_settings
from controller.settings import Settings, setting_types


def load(text: str = "", environment: dict[str, str] | None = None, **flags: Any) -> Settings:
    return load_settings(text, environment or {}, flags)


def test_nothing_given_is_the_defaults() -> None:
    assert load() == Settings()


def test_flags_win_over_the_environment_over_the_file() -> None:
    text = "workers = 1\nthreads = 1\nlisten_port = 1"
    settings = load(text, {"INGOT_THREADS": "2", "INGOT_LISTEN_PORT": "2"}, listen_port=3)
    assert (settings.workers, settings.threads, settings.listen_port) == (1, 2, 3)


def test_values_get_their_types() -> None:
    environment = {"INGOT_BMC_TIMEOUT_S": "2.5", "INGOT_AUTOMATED_CLEAN": "off", "HOME": "/x"}
    settings = load("callback_timeout_s = 5", environment, workers=None)
    assert (settings.callback_timeout_s, settings.bmc_timeout_s) == (5.0, 2.5)
    assert settings.automated_clean is False


@pytest.mark.parametrize(
    ("text", "environment", "words"),
    [
        ("workerz = 1", {}, "settings file has an unknown setting 'workerz'; did you mean workers"),
        ("zzz = 1", {}, "unknown setting 'zzz'; none is called anything like it; .* lists them"),
        ("", {"INGOT_WROKERS": "1"}, "variable INGOT_WROKERS"),
        ("workers = 'x'", {}, "workers must be of type int, not 'x'"),
        ("workers = true", {}, "workers must be of type int"),
        ("", {"INGOT_WORKERS": "x"}, "workers must be of type int"),
        ("", {"INGOT_AUTOMATED_CLEAN": "maybe"}, "true or false"),
        ("workers = 0", {}, "above 0"),
        ("power_sync_interval_s = -1", {}, "above 0"),
        (
            "clean_step_timeout_s = nan",
            {},
            "clean_step_timeout_s is nan; it must be at most 315360000 seconds",
        ),
        ("callback_timeout_s = inf", {}, "callback_timeout_s is inf; it must be at most"),
        ("", {"INGOT_CLAIM_LEASE_S": "NaN"}, "claim_lease_s is nan; it must be at most"),
        ("callback_timeout_s = 1e300", {}, "it must be at most"),
        ("dhcp = 'yes'", {}, "possible: off, range, proxy"),
        ("claim_lease_s = 0.5", {}, "take each other for dead: set it to at least 1.0"),
        ("agent_container_runner = 'sh'", {}, "agent_container_runner .* possible: podman, docker"),
        ("agent_container_steps_file = 'steps.yaml'", {}, "'steps.yaml'; give an absolute path"),
        (
            "agent_allowed_containers = 'a/b:1, --privileged'",
            {},
            "agent_allowed_containers: a word is '--privileged'; give the name of an image",
        ),
        ("verb_patience_s = 0", {}, "above 0"),
        ("unknown_machine = 'inspect'", {}, "discovery is 'off'.*set discovery to"),
        (
            "unknown_machine = 'inspect'\ndiscovery = 'expected'\ndeploy_kernel = 'k'",
            {},
            "but deploy_ramdisk is empty",
        ),
        ("workers =", {}, "no valid TOML"),
    ],
)
def test_mistakes_are_named(text: str, environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load(text, environment)


def test_zero_switches_some_things_off() -> None:
    assert (
        load("power_sync_interval_s = 0\nerase_devices_priority = 0").power_sync_interval_s == 0.0
    )


def test_every_setting_has_a_simple_type() -> None:
    assert set(setting_types().values()) == {str, int, float, bool}
    assert len(setting_types()) == len(fields(Settings))
