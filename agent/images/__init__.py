"""From an image URL to a verified disk, in constant memory."""
