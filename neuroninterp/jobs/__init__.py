"""Work units: pure functions of stored values, done once, anywhere, and kept."""

from neuroninterp.jobs.codec import CodecError, decode, encode, storable
from neuroninterp.jobs.equipment import Equipment, pack_equipment, unpack_equipment
from neuroninterp.jobs.job import Done, Executor, Job
from neuroninterp.jobs.perform import perform
from neuroninterp.jobs.unit_file import DamagedUnitError, read_unit, write_unit

__all__ = [
    "CodecError",
    "DamagedUnitError",
    "Done",
    "Equipment",
    "Executor",
    "Job",
    "decode",
    "encode",
    "pack_equipment",
    "perform",
    "read_unit",
    "storable",
    "unpack_equipment",
    "write_unit",
]
