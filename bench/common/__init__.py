"""What every room uses: names, errors, files, keys, workers, progress, options; each file is one idea."""
