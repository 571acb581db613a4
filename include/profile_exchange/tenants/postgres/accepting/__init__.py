"""Writing what a partner sends into the profiles of a tenant hosted here.

``accept`` takes the entries of one request and writes them in one transaction: ``terms`` is what
the partner may do, ``permitting`` holds each entry to it, ``matching`` finds out whom it means,
``rounds`` keeps entries apart that depend on each other, and ``changing`` and ``creating`` write
them, by the pipeline's own merge (SEMANTICS, Matching, Consent, Mapping and writing).
"""
