"""A library about disks: hints, partition tables, what stands on them and who uses them, opening them for writing."""
