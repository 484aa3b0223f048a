"""Inspection hooks: what is made of an inspection's result, one after the other, by the names of Ironic's hooks."""
