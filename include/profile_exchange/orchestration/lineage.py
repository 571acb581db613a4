"""OpenLineage: which of our properties an import makes from which of the other tenant's.

The provider is an option of an installation; nothing of it is imported where it is not there.
Names of properties and strategies are told, and no value: fixed texts and tables of values stay.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from profile_exchange.domain.connection import Connection, ImportGoal, PropertyMapping, Strategy
from profile_exchange.orchestration.assets import SCHEME

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, OutputDataset
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

PROVIDER = "airflow.providers.openlineage"
#: How OpenLineage calls a value that several go into, that is changed, or that stays as it is.
AGGREGATION, TRANSFORMATION, IDENTITY = "AGGREGATION", "TRANSFORMATION", "IDENTITY"


def emit_lineage(connection: Connection, goal: ImportGoal) -> None:
    """Tell OpenLineage what the current task's run has read and written, where it is switched on.

    What goes wrong there is logged and fails no run.
    """
    if find_spec(PROVIDER) is None:
        return
    from airflow.providers.openlineage.api import emit_dataset_lineage, is_openlineage_active

    if is_openlineage_active():
        emit_dataset_lineage(inputs=[theirs(connection)], outputs=[ours(connection, goal)])


def theirs(connection: Connection) -> InputDataset:
    """The other tenant's profiles, by the host name that they are read from."""
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(namespace=f"https://{connection.partner.host}", name="profiles")


def ours(connection: Connection, goal: ImportGoal) -> OutputDataset:
    """The profile store, with the properties behind each target of the mapping."""
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    fields = {
        target: facet.Fields(inputFields=inputs)
        for target in goal.targets
        if (inputs := _behind(connection, goal, target))
    }
    lineage = facet.ColumnLineageDatasetFacet(fields=fields, dataset=_matched_on(connection, goal))
    return OutputDataset(
        namespace=f"{SCHEME}://{connection.tenant}",
        name="profiles",
        facets={"columnLineage": lineage},
    )


def _behind(connection: Connection, goal: ImportGoal, target: str) -> list[facet.InputField]:
    return [
        _input(connection, mapping.source, _transformation(mapping))
        for mapping in goal.mappings
        if mapping.target == target and mapping.source
    ]


def _transformation(mapping: PropertyMapping) -> facet.Transformation:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    changed = TRANSFORMATION if mapping.transforms else IDENTITY
    several = mapping.strategy in {Strategy.ADD, Strategy.SUM}
    subtype = AGGREGATION if several else changed
    return facet.Transformation(type="DIRECT", subtype=subtype, description=str(mapping.strategy))


def _matched_on(connection: Connection, goal: ImportGoal) -> list[facet.InputField]:
    """The identifiers that decide which of our profiles is written to."""
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    joined = facet.Transformation(type="INDIRECT", subtype="JOIN")
    linked = dict.fromkeys(pair.theirs for link in goal.links for pair in link)
    return [_input(connection, name, joined) for name in linked]


def _input(
    connection: Connection, name: str, transformation: facet.Transformation
) -> facet.InputField:
    from openlineage.client.facet_v2 import column_lineage_dataset as facet

    read = theirs(connection)
    return facet.InputField(
        namespace=read.namespace, name=read.name, field=name, transformations=[transformation]
    )
