"""SC-GAN (ICCV 2021) and its unpaired form."""
