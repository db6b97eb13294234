"""Programs that make what stands in the package and its documents."""
