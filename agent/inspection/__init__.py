"""What the machine is: the inventory sent to the controller."""
