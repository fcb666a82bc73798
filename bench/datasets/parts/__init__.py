"""Parts that several data sets are built of: classes, fingerprints, folders, reading."""
