"""What people look at: the report in the browser, and logos as figures."""

from neuroninterp.report.logo import logo, write_figures
from neuroninterp.report.render import render

__all__ = ["logo", "render", "write_figures"]
