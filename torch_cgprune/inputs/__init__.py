"""A dataset to rows and labels, without random augmentation; imported module by module."""
