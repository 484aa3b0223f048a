"""RAID controllers of vendors, through the vendors' own programs.

Read in this order: ``drives`` (what a controller has), ``wanted`` (what is asked for), ``layout`` (on which drives), ``tool`` (what a program
must be able to), ``storcli`` and ``ssacli`` (the programs), ``configurator`` (does it), ``manager``. No program of a vendor is part of Ingot.
"""
