"""Tools that know neither datasets nor scores; each is imported from its own module."""
