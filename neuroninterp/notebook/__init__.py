"""Results in a notebook: as HTML where they are the value of a cell, and as figures."""
