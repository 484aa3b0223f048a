"""What an inspection tells beside the inventory, one module per kind of thing; ``offered`` has them by their names."""
