"""Work units: pure functions of stored values, done once, anywhere, and kept."""

from neuroninterp.jobs.codec import CodecError, decode, encode, storable
from neuroninterp.jobs.equipment import Equipment, pack_equipment, unpack_equipment
from neuroninterp.jobs.job import Done, Executor, Job
from neuroninterp.jobs.lock import locked
from neuroninterp.jobs.perform import perform
from neuroninterp.jobs.schedule import Here, Plan, carry_out
from neuroninterp.jobs.store import FolderStore, MemoryStore, UnitStore, remembered
from neuroninterp.jobs.unit import Block, Stage, Unit
from neuroninterp.jobs.unit_file import DamagedUnitError, read_unit, write_unit

__all__ = [
    "Block",
    "CodecError",
    "DamagedUnitError",
    "Done",
    "Equipment",
    "Executor",
    "FolderStore",
    "Here",
    "Job",
    "MemoryStore",
    "Plan",
    "Stage",
    "Unit",
    "UnitStore",
    "carry_out",
    "decode",
    "encode",
    "locked",
    "pack_equipment",
    "perform",
    "read_unit",
    "remembered",
    "storable",
    "unpack_equipment",
    "write_unit",
]
