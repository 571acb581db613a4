"""The nouns and rules of the exchange, with nothing but the standard library."""
