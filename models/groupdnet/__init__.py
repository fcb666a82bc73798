"""GroupDNet (CVPR 2020) and the baselines of its paper."""
