"""What a node's ``driver_info`` asks of a burn-in. Pure: keys and defaults are those of Ironic's agent (burn-in documentation)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, TypeVar

from agent.errors import InvalidRequest
from agent.protocol.loose_values import truth_word

_Value = TypeVar("_Value")
_PREFIX = "agent_burnin_"
_MEMORY_SIZE = re.compile(r"[1-9][0-9]{0,15}(%|[bkmgtBKMGT])?")
_HOST = re.compile(r"[0-9A-Za-z:.][0-9A-Za-z:.\-]{0,252}")
_MOST_SECONDS = 30 * 86400
_GPU_BURN = PurePosixPath("/opt/gpu-burn")
_KERNEL_FOLDERS = frozenset({"dev", "proc", "sys"})


class Role(StrEnum):
    """The two ends of a network burn-in."""

    READER = "reader"
    WRITER = "writer"

    @property
    def other(self) -> "Role":
        """The end that the partner has."""
        return Role.WRITER if self is Role.READER else Role.READER


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuOrder:
    """``workers`` = 0: one for each processor; ``output_file`` = ``None``: the program's own report is not kept as a file."""

    workers: int = 0
    timeout_s: int = 86400
    output_file: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryOrder:
    """``size``: all workers together, ``98%`` of what is free or a number with b, k, m, g or t."""

    workers: int = 0
    size: str = "98%"
    timeout_s: int = 86400
    output_file: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOrder:
    """``runtime_s`` = 0: until every disk was written and read ``loops`` times; otherwise that long, however often."""

    loops: int = 4
    runtime_s: int = 0
    runs_smart_test: bool = False
    output_file: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOrder:
    """One end of a pair; ``partner`` is the other machine's host name or address."""

    role: Role
    partner: str
    runtime_s: int = 21600
    output_file: PurePosixPath | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuOrder:
    """``folder`` holds gpu-burn; ``memory`` is a share (``95%``) or MiB of each processor's; ``count`` = 0: as many as there are."""

    folder: PurePosixPath = _GPU_BURN
    memory: str = "95%"
    timeout_s: int = 86400
    count: int = 0


def cpu_order(driver_info: Mapping[str, Any]) -> CpuOrder:
    """Read ``agent_burnin_cpu_*``.

    Raises:
        InvalidRequest: A value cannot be used; the message names its key.
    """
    return CpuOrder(
        workers=_take(driver_info, "cpu_cpu", 0, _whole(0, 65536)),
        timeout_s=_take(driver_info, "cpu_timeout", 86400, _whole(1, _MOST_SECONDS)),
        output_file=_take(driver_info, "cpu_outputfile", None, _file),
    )


def memory_order(driver_info: Mapping[str, Any]) -> MemoryOrder:
    """Read ``agent_burnin_vm_*``.

    Raises:
        InvalidRequest: A value cannot be used; the message names its key.
    """
    return MemoryOrder(
        workers=_take(driver_info, "vm_vm", 0, _whole(0, 65536)),
        size=_take(driver_info, "vm_vm-bytes", "98%", _memory_size),
        timeout_s=_take(driver_info, "vm_timeout", 86400, _whole(1, _MOST_SECONDS)),
        output_file=_take(driver_info, "vm_outputfile", None, _file),
    )


def disk_order(driver_info: Mapping[str, Any]) -> DiskOrder:
    """Read ``agent_burnin_fio_disk_*``.

    Raises:
        InvalidRequest: A value cannot be used; the message names its key.
    """
    return DiskOrder(
        loops=_take(driver_info, "fio_disk_loops", 4, _whole(1, 10_000)),
        runtime_s=_take(driver_info, "fio_disk_runtime", 0, _whole(0, _MOST_SECONDS)),
        runs_smart_test=_take(driver_info, "fio_disk_smart_test", False, _truth),
        output_file=_take(driver_info, "fio_disk_outputfile", None, _file),
    )


def network_order(driver_info: Mapping[str, Any]) -> NetworkOrder:
    """Read ``agent_burnin_fio_network_*``.

    Raises:
        InvalidRequest: There is no pair, or a value cannot be used; the message names its key.
    """
    key = f"{_PREFIX}fio_network_config"
    pair = driver_info.get(key)
    if pair is None and driver_info.get(f"{_PREFIX}fio_network_pairing_backend_url"):
        raise InvalidRequest(
            f"driver_info.{_PREFIX}fio_network_pairing_backend_url: pairing through another service is not offered"
            f' here; name the other machine: driver_info.{key} = {{"role": "writer", "partner": "<its address>"}}'
        )
    if not isinstance(pair, Mapping):
        raise InvalidRequest(
            f'driver_info.{key} is missing or no object; give {{"role": "writer" or "reader", "partner": "<address>"}}'
        )
    try:
        role = Role(str(pair.get("role")))
    except ValueError:
        raise InvalidRequest(
            f"driver_info.{key}.role is {pair.get('role')!r}; give writer or reader"
        ) from None
    partner = pair.get("partner")
    if not isinstance(partner, str) or not _HOST.fullmatch(partner):
        raise InvalidRequest(
            f"driver_info.{key}.partner is {partner!r}; give the other machine's host name or address"
        )
    return NetworkOrder(
        role=role,
        partner=partner,
        runtime_s=_take(driver_info, "fio_network_runtime", 21600, _whole(1, _MOST_SECONDS)),
        output_file=_take(driver_info, "fio_network_outputfile", None, _file),
    )


def gpu_order(driver_info: Mapping[str, Any]) -> GpuOrder:
    """Read ``agent_burnin_gpu_*``.

    Raises:
        InvalidRequest: A value cannot be used; the message names its key.
    """
    return GpuOrder(
        folder=_take(driver_info, "gpu_install_dir", None, _file) or _GPU_BURN,
        memory=_take(driver_info, "gpu_memory", "95%", _gpu_memory),
        timeout_s=_take(driver_info, "gpu_timeout", 86400, _whole(1, _MOST_SECONDS)),
        count=_take(driver_info, "gpu_count", 0, _whole(0, 1024)),
    )


def _take(
    driver_info: Mapping[str, Any], name: str, default: _Value, read: Callable[[Any], _Value]
) -> _Value:
    """Return the value of ``agent_burnin_<name>``, read by ``read``, which raises ``ValueError`` with what is wanted."""
    value = driver_info.get(_PREFIX + name)
    if value is None:
        return default
    try:
        return read(value)
    except ValueError as error:
        raise InvalidRequest(f"driver_info.{_PREFIX}{name} is {value!r}; {error}") from None


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        wanted = f"give a whole number from {least} to {most}"
        text = "" if isinstance(value, bool) else str(value)
        if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise ValueError(wanted)
        return int(text)

    return read


def _truth(value: Any) -> bool:
    said = False if value == "" else truth_word(value)
    if said is None:
        raise ValueError("give true or false")
    return said


def _memory_size(value: Any) -> str:
    text = str(value)
    if not _MEMORY_SIZE.fullmatch(text) or (text.endswith("%") and int(text[:-1]) > 100):  # noqa: PLR2004  # per cent
        raise ValueError("give a percentage (98%) or a size with b, k, m, g or t (4g)")
    return text


def _gpu_memory(value: Any) -> str:
    text = str(value)
    if not re.fullmatch(r"[1-9][0-9]?%|100%|[1-9][0-9]{0,7}", text):
        raise ValueError("give a percentage (95%) or MiB (8000)")
    return text


def _file(value: Any) -> PurePosixPath | None:
    wanted = "give the absolute path of a file outside of /dev, /proc and /sys"
    if not isinstance(value, str) or "\0" in value or len(value) > 255:  # noqa: PLR2004  # a file name's limit
        raise ValueError(wanted)
    path = PurePosixPath(value)
    is_odd = not path.is_absolute() or ".." in path.parts or len(path.parts) < 2  # noqa: PLR2004  # root and a name
    if is_odd or path.parts[1] in _KERNEL_FOLDERS:
        raise ValueError(wanted)
    return path
