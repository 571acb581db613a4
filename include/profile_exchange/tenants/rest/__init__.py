"""A tenant behind BlueConic's REST API v2: ours or a real one, the wire is the same."""
