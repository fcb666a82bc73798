"""How methods, segmenters and small networks are trained and watched."""
