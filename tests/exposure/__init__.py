"""The exposure API, asked by partners and by others, on a real store."""
