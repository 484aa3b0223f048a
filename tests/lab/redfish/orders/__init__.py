"""What changes a Redfish service: POST, PATCH and DELETE on its resources."""
