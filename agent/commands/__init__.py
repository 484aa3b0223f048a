"""What the controller may order the agent to do."""
