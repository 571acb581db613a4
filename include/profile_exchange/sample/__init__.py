"""Two sample tenants: Taylor Times, a publisher, and Harbor Goods, a retailer.

They share people, but rarely profile ids, and their data is as dirty as data is: see
`people` for who is in both, and each tenant's module for what is wrong where.
"""

from profile_exchange.sample.loading import (
    DEFAULT_PROFILES,
    DEFAULT_SEED,
    SAMPLE_TENANTS,
    is_loaded,
    load,
)

__all__ = ["DEFAULT_PROFILES", "DEFAULT_SEED", "SAMPLE_TENANTS", "is_loaded", "load"]
