"""An agent on a fake machine whose deployed system always has a kernel: `python -m tests.integration.kexec_machine FOLDER CMDLINE READY`."""

from agent.commands import kexec
from tests.integration import fake_machine


class Found:
    """What was loaded."""

    def shown(self) -> dict[str, str]:
        return {"kernel": "/vmlinuz"}


def main() -> None:
    kexec.prepare_kexec = lambda *_facts, **_more: Found()  # type: ignore[assignment,attr-defined]  # nothing of the host's is loaded
    fake_machine.main()


if __name__ == "__main__":
    main()
