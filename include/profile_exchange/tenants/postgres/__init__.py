"""A hosted tenant's profile store in PostgreSQL: what describes it, and profiles into it."""
