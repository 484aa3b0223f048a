"""Software RAID with Linux md.

Read in this order: ``logical_disks`` (what is asked for), ``members`` (which disks), ``layout`` (where on them), ``mdadm`` (the program),
``present`` (what stands now), ``configurator`` (does it), ``root_volume`` and ``bootable`` (a system on an array), ``manager``.
"""
