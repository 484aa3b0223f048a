"""Firmware of what sits in the machine: NVMe drives (nvme-cli), NVIDIA network cards (mstflint), all that fwupd knows.

Read ``orders`` (what is asked for), ``update_step`` (who does what when), then one updater: ``nvme``, ``nics``, ``fwupd``.
"""
