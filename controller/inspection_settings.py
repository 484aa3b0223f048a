"""What an inspection collects, what becomes of its result, and which machines become nodes by it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class InspectionSettings:
    """A part of ``Settings`` (``docs/reference/inspection.md``, ``docs/how-to/discover-machines.md``)."""

    discovery: str = "off"
    """What becomes of an inspection's result that no node waits for: ``off`` (it is refused), ``expected`` (it is taken for the node whose ``properties.expected`` describes the machine), ``all`` (others become nodes in ``enroll``, too)."""
    discovery_driver: str = ""
    """The ``driver`` of nodes that strangers become; needed for ``all``."""
    discovery_per_hour: int = 60
    """So many machines become nodes within an hour at most, in each controller process."""
    discovery_most: int = 1000
    """None becomes a node while so many nodes are in ``enroll``."""
    inspection_add_ports: str = "pxe"
    """Ports an inspection creates: ``pxe`` (the interface it booted from), ``active`` (those with an address), ``all``, ``disabled``."""
    inspection_collectors: str = ""
    """What our ramdisk or the real one collects in an inspection, with commas between (``docs/reference/inspection.md``); empty: what it collects by itself."""
    inspection_keep_ports: str = "all"
    """Ports that an inspection leaves: ``all``, ``present`` (whose card the machine has), ``added`` (that ``inspection_add_ports`` chooses)."""
    inspection_update_pxe_enabled: bool = True
    """Have an inspection set ``pxe_enabled`` of ports: true for the card that the machine booted from alone."""
    inspection_hooks: str = "$default_hooks"
    """What is made of an inspection's result, in this order, with commas between (``docs/reference/inspection.md``); ``$default_hooks`` stands for those that are usual."""
    inspection_link_check: str = "warn"
    """What the hook ``check-links`` does about a port that is plugged in elsewhere than its ``local_link_connection`` says: ``warn`` or ``fail``."""
    inspection_cpu_capabilities: str = (
        "vmx=cpu_vt,svm=cpu_vt,aes=cpu_aes,pse=cpu_hugepages,pdpe1gb=cpu_hugepages_1g,smx=cpu_txt"
    )
    """Which capability the hook ``cpu-capabilities`` sets for which flag of the processor."""
    inspection_accelerators: str = "10de:1eb8=GPU:NVIDIA Corporation Tesla T4,10de:1df6=GPU:NVIDIA Corporation GV100GL,10de:2236=GPU:NVIDIA Corporation A10,10de:2235=GPU:NVIDIA Corporation A40,10de:26b9=GPU:NVIDIA Corporation L40S,10de:26ba=GPU:NVIDIA Corporation L20"
    """Which PCI devices the hook ``accelerators`` knows: vendor, product, type, name."""
    inspection_disk_spacing: bool = True
    """Leave 1 GiB of the root disk out of ``local_gb``, for partitioning."""
    inspection_extra_hardware_strict: bool = False
    """Have the hook ``extra-hardware`` drop data of which a row is malformed."""
    inspection_physical_networks: str = ""
    """Which physical network the hook ``physical-network`` sets for cards with which addresses: ``10.10.10.0/24:red,2001:db8::/64:blue``."""
    inspection_pci_aliases: str = ""
    """Names for PCI devices, with commas between: ``10de:2330=h100`` is vendor, product, name."""
    inspection_built_in_rules: str = ""
    """A file of inspection rules beside those of the API: a list as JSON; they may have negative priorities and those above 9999."""
    inspection_rule_mask_secrets: str = "always"
    """When inspection rules read secrets masked: ``always``, ``never``, ``sensitive`` (not those that are ``sensitive`` themselves)."""
    inspection_rule_call_networks: str = ""
    """Networks, with commas between them, that ``api-call`` of an inspection rule may call although they are of this machine or of one link, such as ``127.0.0.0/8``."""
