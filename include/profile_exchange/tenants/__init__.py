"""The two kinds of tenant: one reached by its REST API, one whose profile store is ours."""
