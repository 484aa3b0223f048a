"""What an image is, judged by its content, and what its tables say."""
