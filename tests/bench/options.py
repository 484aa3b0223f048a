"""What can be set for ``make bench``, from environment variables; a make variable given on the command line is one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

MIB = 1 << 20
GIB = 1 << 30
SPARSE_CASES = ("sparse-qcow2", "sparse.zst")
"""Of another image, of 100 GiB and nearly empty."""
CASES = ("raw", "qcow2", "qcow2-zlib", "qcow2-zstd", "raw.gz", "raw.xz", "raw.zst", *SPARSE_CASES)
_DISK_STATES = ("zeros", "noise")
_DATA_SHARE = 0.4

Value = TypeVar("Value")


class OptionError(ValueError):
    """A variable has a value that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``cases`` and ``tools`` in the order they run; empty ``tools`` = all.

    ``virtual_bytes`` is the size of the disk image, of which ``data_bytes`` are not zero; ``limit_s`` bounds one run;
    ``disk_state`` is what the disk holds before each run; ``nodes`` and ``requests`` are for the API.
    """

    rounds: int = 5
    cases: tuple[str, ...] = CASES
    tools: tuple[str, ...] = ()
    virtual_bytes: int = GIB
    data_bytes: int = int(_DATA_SHARE * GIB)
    limit_s: float = 180.0
    disk_state: str = "zeros"
    nodes: int = 1000
    requests: int = 200


def read_options(environment: Mapping[str, str]) -> Options:
    """Return the options that the ``BENCH_*`` variables say.

    Raises:
        OptionError: One of them is no number, out of range or names an unknown case.
    """
    gib = _read(environment, "BENCH_GIB", float, 1.0)
    data_gib = _read(environment, "BENCH_DATA_GIB", float, gib * _DATA_SHARE)
    if not 4 * MIB <= data_gib * GIB <= gib * GIB:
        raise OptionError(
            f"BENCH_DATA_GIB={data_gib:g} does not fit into BENCH_GIB={gib:g}, or is less than 4 MiB"
        )
    options = Options(
        rounds=_read(environment, "BENCH_ROUNDS", int, 5),
        cases=_words(environment, "BENCH_CASES") or CASES,
        tools=_words(environment, "BENCH_TOOLS"),
        virtual_bytes=int(gib * GIB) // MIB * MIB,
        data_bytes=int(data_gib * GIB),
        limit_s=_read(environment, "BENCH_LIMIT_S", float, 180.0),
        disk_state=environment.get("BENCH_DISK") or "zeros",
        nodes=_read(environment, "BENCH_NODES", int, 1000),
        requests=_read(environment, "BENCH_REQUESTS", int, 200),
    )
    if unknown := [case for case in options.cases if case not in CASES]:
        raise OptionError(f"BENCH_CASES: no case {unknown[0]!r}; there are {', '.join(CASES)}")
    if options.disk_state not in _DISK_STATES:
        raise OptionError(f"BENCH_DISK={options.disk_state}: wanted is zeros or noise")
    if min(options.rounds, options.limit_s, options.nodes, options.requests) <= 0:
        raise OptionError("BENCH_ROUNDS, _LIMIT_S, _NODES and _REQUESTS must be more than 0")
    return options


def _words(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in environment.get(name, "").split(",") if word.strip())


def _read(
    environment: Mapping[str, str], name: str, parse: Callable[[str], Value], default: Value
) -> Value:
    text = environment.get(name)
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        raise OptionError(f"{name}={text}: not a number") from error
