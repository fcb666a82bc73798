"""The networks that look at images for the metrics, and how images are resized for them."""
