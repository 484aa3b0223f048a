"""KVM is used only where it was asked for and proved to work."""

from pathlib import Path

import pytest

from tests.lab.accelerator import TCG, WISH, chosen, runs_linux

_KERNEL = Path(__file__).resolve().parents[2] / "build/ramdisk/ingot.vmlinuz"
needs_kernel = pytest.mark.skipif(not _KERNEL.exists(), reason=f"{_KERNEL} is not built")


@pytest.mark.parametrize("wish", ["", "0"])
def test_nobody_gets_kvm_without_asking(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    monkeypatch.setenv(WISH, wish)
    assert chosen() == TCG


@needs_kernel
def test_the_self_test_passes_where_linux_runs() -> None:
    assert runs_linux(_KERNEL, TCG, timeout_s=90)


@needs_kernel
@pytest.mark.parametrize("accelerator", ["xen", "no-such-accelerator"])
def test_the_self_test_fails_where_it_does_not(accelerator: str) -> None:
    assert not runs_linux(_KERNEL, accelerator, timeout_s=10)
