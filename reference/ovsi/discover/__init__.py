"""How the sources of an overlay are found: the rungs of the ladder, the judge of their evidence, location."""
