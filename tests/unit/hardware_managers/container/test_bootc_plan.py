"""What an installation is refused for before anything is pulled, and with which words it is carried out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.errors import ImageError
from agent.protocol.bootc import BootcOrder, read_order
from agent.system.sysfs import SysRoot
from hardware_managers.container.bootc import plan
from hardware_managers.container.bootc.installer import containers_group

GIB, MIB = 1 << 30, 1 << 20
DIGEST = f"sha256:{'7e' * 32}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample tux@example.org"
MACHINE = plan.Machine(
    architecture="x86_64",
    boot_mode="uefi",
    available_bytes=2 * GIB,
    has_tpm2=False,
    has_selinux=False,
)
PLACES = plan.Places(
    storage=Path("/run/containers/storage"),
    id_file=Path("/tmp/x/container"),
    group="/agent-containers",
)


def order(
    source: str = "oci://registry/os:12", secret: str | None = None, **info: Any
) -> BootcOrder:
    drive = info.pop("configdrive", None)
    return read_order(source, info, secret=secret, configdrive=drive)


def install(
    wanted: BootcOrder, machine: plan.Machine = MACHINE, places: plan.Places = PLACES
) -> str:
    pinned = wanted.pinned(DIGEST)
    words = plan.install_words(wanted, pinned, Path("/dev/vda"), 8 * GIB, machine, places)
    return " ".join(words)


@pytest.mark.parametrize(
    ("wanted", "machine", "disk_bytes", "packed_bytes", "complaint"),
    [
        ({"bootc_tpm2_luks": True}, MACHINE, 8 * GIB, MIB, "no TPM 2.0"),
        ({}, replace(MACHINE, available_bytes=GIB), 8 * GIB, GIB, "memory"),
        ({}, replace(MACHINE, available_bytes=MIB), 8 * GIB, MIB, "of which 0 bytes are free"),
        ({}, MACHINE, GIB // 2, GIB, "larger disk"),
        ({"configdrive": "H4sI"}, MACHINE, GIB - MIB, MIB, "no room for a root partition"),
    ],
)
def test_what_cannot_come_to_a_good_end_is_refused(
    wanted: dict[str, Any],
    machine: plan.Machine,
    disk_bytes: int,
    packed_bytes: int,
    complaint: str,
) -> None:
    with pytest.raises(ImageError, match=complaint):
        plan.check_machine(order(**wanted), machine, disk_bytes, packed_bytes)


def test_what_is_not_known_of_the_memory_refuses_nothing() -> None:
    machine = replace(MACHINE, available_bytes=None, has_tpm2=True)
    plan.check_machine(order(bootc_tpm2_luks=True), machine, 8 * GIB, 4 * GIB)
    assert plan.storage_bytes(machine) is None


def test_an_image_for_another_processor_or_too_large_is_refused() -> None:
    plan.check_image(order(), "amd64", GIB, MACHINE, 8 * GIB)
    plan.check_image(order(), "s390x", GIB, replace(MACHINE, architecture="s390x"), 8 * GIB)
    with pytest.raises(ImageError, match=r"is for arm64, this machine is amd64"):
        plan.check_image(order(), "arm64", GIB, MACHINE, 8 * GIB)
    with pytest.raises(ImageError, match="unpacked"):
        plan.check_image(order(), "amd64", 9 * GIB, MACHINE, 8 * GIB)


def test_the_login_stands_in_a_file_and_in_no_word() -> None:
    wanted = order("docker://docker.io/os", "tux:sesame")
    document = json.loads(plan.auth_document(wanted))
    assert document == {"auths": {"docker.io": {"auth": "dHV4OnNlc2FtZQ=="}}}
    assert json.loads(plan.auth_document(order())) == {"auths": {}}
    registries = plan.Registries(auth_file=Path("/tmp/x/login"), is_verified=False)
    pull = plan.pull_words(wanted.pinned(DIGEST), registries)
    assert " ".join(pull) == (
        f"podman --log-level=error pull --authfile=/tmp/x/login --tls-verify=false docker.io/os@{DIGEST}"
    )
    every = " ".join((*pull, install(wanted), *plan.version_words("x", Path("/tmp/y"))))
    assert "sesame" not in every
    assert "dHV4" not in every
    assert "authfile" not in install(wanted)


def test_a_trusted_registry_is_verified_also_by_the_operators_authorities() -> None:
    registries = plan.Registries(
        auth_file=Path("/tmp/x/login"), is_verified=True, certificates=Path("/tmp/x/ca")
    )
    words = plan.pull_words("registry/os", registries)
    assert "--cert-dir=/tmp/x/ca" in words
    assert "--tls-verify=false" not in words


def test_the_plain_installation() -> None:
    assert install(order()) == (
        "podman --log-level=error run --rm --privileged --pid=host --pull=never --cgroups=enabled --cgroup-parent=/agent-containers --pids-limit=-1 --network=none --cidfile=/tmp/x/container --volume=/dev:/dev"
        " --volume=/run/containers/storage:/var/lib/containers/storage --entrypoint=bootc"
        f" registry/os@{DIGEST} install to-disk --wipe --skip-fetch-check --target-imgref=registry/os:12 --disable-selinux"
        " /dev/vda"
    )


def test_everything_that_can_be_asked_for() -> None:
    wanted = order(
        f"oci://registry/os@{DIGEST}",
        bootc_authorized_keys=KEY,
        bootc_tpm2_luks="yes",
        configdrive="H4sI",
    )
    places = replace(PLACES, keys=Path("/tmp/x/keys"))
    said = install(wanted, replace(MACHINE, has_selinux=True), places)
    assert "--target-imgref" not in said  # it stays at the digest that was asked for
    assert f"--root-size={8192 - 768 - 512}M" in said
    assert "--block-setup=tpm2-luks" in said
    assert "--volume=/tmp/x/keys:/run/ingot-bootc:ro" in said
    assert "--root-ssh-authorized-keys=/run/ingot-bootc/authorized_keys" in said
    assert "--security-opt=label=type:unconfined_t" in said
    assert "--disable-selinux" not in said
    assert "ssh-ed25519" not in said


@given(disk_mib=some.integers(0, 1 << 24), is_encrypted=some.booleans())
def test_a_config_drive_always_finds_room_behind_the_partitions(
    disk_mib: int, *, is_encrypted: bool
) -> None:
    wanted = order(configdrive="H4sI", bootc_tpm2_luks=is_encrypted)
    try:
        words = plan.install_words(wanted, "x", Path("/dev/vda"), disk_mib * MIB, MACHINE, PLACES)
    except ImageError:
        assert disk_mib < 2048
        return
    (size,) = (word for word in words if word.startswith("--root-size="))
    root_mib = int(size.removeprefix("--root-size=").removesuffix("M"))
    before_mib = 1 + 1 + 512 + (510 if is_encrypted else 0)  # table, BIOS boot, ESP, /boot
    assert before_mib + root_mib + 64 + 2 <= disk_mib


@pytest.mark.parametrize(
    ("shown", "group"),
    [
        ("0::/agent\n", "/agent-containers"),
        ("12:pids:/user\n0::/a/b\n", "/a/b-containers"),
        ("0::/\n", "/ingot-containers"),
        ("", "/ingot-containers"),
    ],
)
def test_the_container_is_in_a_group_that_ends_with_the_agents(
    tmp_path: Path, shown: str, group: str
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(shown)
    assert containers_group(SysRoot(tmp_path)) == group
