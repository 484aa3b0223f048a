"""RAID by a controller, as agent and controller plan it alike: levels, then what is wanted (``logical_disks``), then on which drives it goes (``placing``)."""
