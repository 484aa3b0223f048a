"""Steps as data, wherever they come from. Read: spec, reserved, wishes, planner, known."""
