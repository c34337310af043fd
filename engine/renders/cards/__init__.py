"""Cards: the look of a social card and of the short loops made of it, in layers that are drawn once."""
