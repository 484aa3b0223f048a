"""The host behind narrow doors: programs, sysfs, time, network."""
