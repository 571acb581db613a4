"""Importing into a tenant whose profiles are behind REST API v2: who they are, it alone knows.

What was pulled is checked, mapped and counted as for any import, in a database of ours. Matching,
consent and merging are the tenant's: they become fates with its answers, in the step upsert.
"""
