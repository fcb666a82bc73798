"""What several loaders are built of: classes, fingerprints, folders, reading."""
