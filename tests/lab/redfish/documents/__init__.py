"""The documents of a Redfish service, as pure functions of a `View`."""
