"""What all of `bench` uses: names, errors, files, keys, workers, progress, options; each file is one idea."""
