"""``make fuzz``: ``python -m tests.fuzz [qcow2|packed|xz|detection|checksums] [seconds]``, guided by coverage (atheris, libFuzzer).

``openapi``, ``controller-api`` and ``agent-api`` send requests instead, from a seed: ``python -m tests.fuzz openapi [seconds] [seed]``.
Inputs that were worth keeping stay in build/fuzz/<target>, so that the next run goes on from there; one that is a find is
written beside them, and the exit status is not 0.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["agent.images", "agent.disks"]):
    from tests.fuzz import seeds, targets

from tests.fuzz import described_api, web  # after those that are to be instrumented

_FOLDER = Path("build/fuzz")
_MEMORY_MIB = 1024
"""Of the fuzzer with its coverage tables; the images' own limit is measured in the tests."""
_INPUT_LIMIT_S = 20


def main(name: str = "qcow2", seconds: str = "60") -> None:
    """Fuzz one target; the fuzzer ends the process."""
    corpus, finds = _FOLDER / name, _FOLDER / "finds"
    corpus.mkdir(parents=True, exist_ok=True)
    finds.mkdir(exist_ok=True)
    for number, data in enumerate(seeds.seeds(name)):
        (corpus / f"seed-{number}").write_bytes(data)
    options = (
        f"-max_total_time={seconds}",
        f"-rss_limit_mb={_MEMORY_MIB}",
        f"-timeout={_INPUT_LIMIT_S}",
        f"-artifact_prefix={finds}/{name}-",
        "-max_len=40000",
        "-print_final_stats=1",
    )

    def one(data: bytes) -> None:
        targets.run(name, data)

    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def _time_and_seed(words: Sequence[str]) -> tuple[float, int]:
    """Return the seconds and the seed, each with its default."""
    seconds, seed = (*words, *("60", "1")[len(words) :])[:2]
    return float(seconds), int(seed)


if __name__ == "__main__":
    if sys.argv[1:2] == ["openapi"]:
        sys.exit(described_api.run(*_time_and_seed(sys.argv[2:])))
    if sys.argv[1:2] and sys.argv[1] in web.TARGETS:
        sys.exit(web.run(sys.argv[1], *_time_and_seed(sys.argv[2:])))
    if len(sys.argv) > 1 and sys.argv[1] not in targets.TARGETS:
        sys.exit(
            f"no target {sys.argv[1]!r}; there are {', '.join((*targets.TARGETS, *web.TARGETS, 'openapi'))}"
        )
    main(*sys.argv[1:])
