"""SIMS (CVPR 2018)."""
