"""Which knobs of a profile are asked for? Importing this fills the table of probes, in the order of the documents."""

from tests.real.knobs import attributes, copies, proofs
from tests.real.probes import PROBES as _PROBES

PROBES = {
    knob: function
    for module in (proofs, copies, attributes)
    for knob, function in _PROBES.items()
    if function.__module__ == module.__name__
}

__all__ = ["PROBES"]
