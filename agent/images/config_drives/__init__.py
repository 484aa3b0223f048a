"""Config drives: fetched, checked, made to fit the disk, put beside the image."""
