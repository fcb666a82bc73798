"""What several preparations are built of: the work itself, label maps, instances, polygons."""
