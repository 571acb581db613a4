"""The steps of an import, one module each, in the order of the DAG.

``authenticate`` -> ``pull`` -> ``join`` -> ``filter_by_consent`` -> ``validate`` ->
``map_properties`` -> ``gate`` -> ``upsert`` -> ``report``

Each step settles the fate of some received profiles with set-based statements and leaves the
rest to the next. Repeating a step takes back what it settled and settles it again, until the first
package of the run is written: from then on what was decided stays (`package_ledger`).
"""
