"""The database of a hosted tenant: its profiles, and beside them what the exchange remembers."""
